"""Stores made of tar files and addresses: the bytes of one made of a folder, however it went."""

from __future__ import annotations

import os
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from askattend.errors import DataError
from askattend.experiment.features import images_named
from askattend.features.extract_config import ExtractConfig
from askattend.features.extraction import with_mirror_images
from askattend.features.image_places import Place
from askattend.features.spec import Backbone
from askattend.features.store import FeatureStore
from features.archives import file_system, in_memory, link, write_tar
from features.feature_cases import Stop, Unused, content, printed, quiet, run, stop_after, tiny

CONFIG = ExtractConfig(image_size=64, batch_size=2, shard_images=4)
NAMES = [f"{number}.png" for number in range(9)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures, one of them broken, as a folder, two tar files and a packed one."""
    made = tmp_path_factory.mktemp("made")
    (made / "photos").mkdir()
    for number, name in enumerate(NAMES):
        Image.new("RGB", (9, 8 + number), (number * 20, 99, 3)).save(made / "photos" / name)
    (made / "photos" / "4.png").write_bytes(b"<html>")
    files = {name: (made / "photos" / name).read_bytes() for name in NAMES}
    write_tar(made / "0.tar", dict(list(files.items())[:5]))
    write_tar(made / "1.tar", dict(list(files.items())[5:]))
    write_tar(made / "all.tar.gz", files, "w:gz")
    return made


@pytest.fixture(scope="module")
def expected(
    folder: Path, colours: Backbone, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, bytes]:
    store = tmp_path_factory.mktemp("expected") / "store"
    report = run(images_named([str(folder / "photos")]), store, colours, CONFIG)
    assert report.broken == {"4.png": "a web page, not an image"}
    return content(store)


def named(folder: Path, *sources: str) -> dict[str, Place]:
    return images_named([str(folder / source) for source in sources])


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("sources", [("{0..1}.tar",), ("all.tar.gz",), ("0.tar", "1.tar")])
def test_the_bytes_are_those_of_a_folder(
    folder: Path,
    colours: Backbone,
    expected: dict[str, bytes],
    tmp_path: Path,
    sources: tuple[str, ...],
    workers: int,
) -> None:
    config = ExtractConfig(image_size=64, batch_size=2, shard_images=4, workers=workers)
    run(named(folder, *sources), tmp_path / "store", colours, config)
    assert content(tmp_path / "store") == expected
    # All is there, and a file that was touched is compared without being computed again.
    for turn in range(2):
        if turn:
            for file in folder.glob("*.tar*"):
                os.utime(file)
        unused = tiny(colours, Unused())
        report = run(named(folder, *sources), tmp_path / "store", unused, config)
        assert (report.done, report.already) == (0, 8)


@pytest.mark.parametrize("batches", range(5))
@pytest.mark.parametrize("source", ["[01].tar", "all.tar.gz"])
def test_an_interrupted_extraction_goes_on(
    folder: Path,
    colours: Backbone,
    expected: dict[str, bytes],
    tmp_path: Path,
    source: str,
    batches: int,
) -> None:
    images = named(folder, source)
    with pytest.raises(Stop):
        run(images, tmp_path / "store", colours, CONFIG, progress=stop_after(batches))
    run(images, tmp_path / "store", colours, CONFIG)
    assert content(tmp_path / "store") == expected


def test_an_object_store_gives_the_same_bytes(
    folder: Path, colours: Backbone, expected: dict[str, bytes], tmp_path: Path
) -> None:
    files = {name: (folder / "photos" / name).read_bytes() for name in NAMES}
    with in_memory(files) as system:
        run(images_named(["memory://shop"]), tmp_path / "store", colours, CONFIG)
        assert content(tmp_path / "store") == expected
        # Its versions tell that nothing was replaced: nothing is read.
        system.store["/shop/8.png"].getbuffer()[:1] = b"?"
        unused = tiny(colours, Unused())
        assert run(images_named(["memory://shop"]), tmp_path / "store", unused, CONFIG).done == 0
        system.pipe_file("/shop/3.png", files["5.png"])
        report = run(images_named(["memory://shop"]), tmp_path / "store", colours, CONFIG)
        assert report.done == 1
        assert torch.equal(report.store.read(["3.png"]), report.store.read(["5.png"]))


def test_where_no_version_is_told_content_decides(
    folder: Path, colours: Backbone, tmp_path: Path
) -> None:
    def find(self: Any, root: str, detail: bool) -> dict[str, Any]:
        return {f"/shop/{name}": {"type": "file"} for name in NAMES}

    files = {name: (folder / "photos" / name).read_bytes() for name in NAMES}
    with in_memory(files) as system, file_system("untold", find=find):
        run(images_named(["untold://shop"]), tmp_path / "store", colours, CONFIG)
        unused = tiny(colours, Unused())
        assert run(images_named(["untold://shop"]), tmp_path / "store", unused, CONFIG).done == 0
        system.pipe_file("/shop/3.png", files["5.png"])
        assert run(images_named(["untold://shop"]), tmp_path / "store", colours, CONFIG).done == 1


def test_an_address_that_goes_away_ends_it_and_it_goes_on(
    folder: Path, colours: Backbone, expected: dict[str, bytes], tmp_path: Path
) -> None:
    """No image becomes broken because a network does."""
    left = iter(range(6))

    def cat_file(self: Any, path: str, **more: Any) -> bytes:
        if next(left, None) is None:
            raise ConnectionError("reset by peer")
        return (folder / "photos" / path.rpartition("/")[2]).read_bytes()

    files = {name: (folder / "photos" / name).read_bytes() for name in NAMES}
    with in_memory(files), file_system("failing", cat_file=cat_file):
        images = images_named(["failing://shop"])
        with pytest.raises(DataError, match=r"png: cannot be read \(reset by peer\)"):
            run(images, tmp_path / "store", colours, CONFIG)
        left = iter(range(100))
        run(images, tmp_path / "store", colours, CONFIG)
    assert content(tmp_path / "store") == expected


def test_a_replaced_tar_file_is_noticed(folder: Path, colours: Backbone, tmp_path: Path) -> None:
    members = {name: (folder / "photos" / name).read_bytes() for name in ("0.png", "1.png")}
    write_tar(tmp_path / "a.tar", members)
    run(named(tmp_path, "a.tar"), tmp_path / "store", colours, CONFIG)
    swapped = dict(zip(members, reversed(members.values()), strict=True))
    write_tar(tmp_path / "a.tar", swapped)
    console = quiet()
    report = run(named(tmp_path, "a.tar"), tmp_path / "store", colours, CONFIG, console=console)
    assert report.done == 2
    assert "2 of them anew, as their files have changed" in printed(console)


def test_what_a_tar_file_holds_no_picture_for_is_broken(
    folder: Path, colours: Backbone, tmp_path: Path
) -> None:
    picture = (folder / "photos" / "0.png").read_bytes()
    members: dict[str, bytes | tarfile.TarInfo]
    members = {"a.png": picture, "l": link("l.png", "a.png"), "e.png": b""}
    members["h"] = link("h.png", "a.png", tarfile.LNKTYPE)
    write_tar(tmp_path / "a.tar", members)
    for _ in range(2):  # and once more, since they are tried again
        report = run(named(tmp_path, "a.tar"), tmp_path / "store", colours, CONFIG)
        assert list(report.broken) == ["l.png", "e.png", "h.png"]
        assert report.broken["e.png"] == "the file is empty"
        for image, option in (("l.png", "--dereference"), ("h.png", "--hard-dereference")):
            reason = f"a link to 'a.png', which is not read (tar {option} stores it)"
            assert report.broken[image] == reason
        assert report.store.ids == ("a.png",)
    # Where a picture was, features are not those of what is no longer there.
    write_tar(tmp_path / "a.tar", {"b.png": picture, "a": link("a.png", "b.png")})
    report = run(named(tmp_path, "a.tar"), tmp_path / "store", colours, CONFIG)
    assert (report.store.ids, list(report.broken)) == (("b.png",), ["a.png"])


def test_mirror_images_of_members(folder: Path, colours: Backbone, tmp_path: Path) -> None:
    def extract(name: str, images: Mapping[str, Place]) -> dict[str, bytes]:
        run(with_mirror_images(images), tmp_path / name, colours, CONFIG)
        return content(tmp_path / name)

    plain = extract("plain", named(folder, "photos"))
    assert extract("tar", named(folder, "?.tar")) == plain
    assert extract("packed", named(folder, "all.tar.gz")) == plain
    assert FeatureStore.open(tmp_path / "tar").ids[-1] == "mirror image of 8.png"


def test_two_images_of_one_name_are_refused(folder: Path) -> None:
    with pytest.raises(DataError, match=r"^0.png: there are two images of this name. Rename one"):
        named(folder, "0.tar", "photos")


def test_a_tar_file_cut_off_is_refused_before_anything_is_written(
    folder: Path, tmp_path: Path
) -> None:
    for name in ("0.tar", "all.tar.gz"):
        whole = (folder / name).read_bytes()
        (tmp_path / name).write_bytes(whole[: len(whole) // 2])
        with pytest.raises(DataError, match=r"is cut off or damaged .*; its last whole member is"):
            named(tmp_path, name)


def test_names_that_are_no_utf8(folder: Path, colours: Backbone, tmp_path: Path) -> None:
    picture = (folder / "photos" / "0.png").read_bytes()
    odd = os.fsdecode(b"caf\xe9")
    (tmp_path / odd).mkdir()
    (tmp_path / odd / f"{odd}.png").write_bytes(picture)
    write_tar(tmp_path / f"{odd}.tar", {f"{odd}.png": picture})
    for number, source in enumerate((odd, f"{odd}.tar")):
        report = run(named(tmp_path, source), tmp_path / f"{number}", colours, CONFIG)
        assert report.store.ids == ("caf\\xe9.png",)
    assert content(tmp_path / "0") == content(tmp_path / "1")
