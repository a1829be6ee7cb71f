"""Replaced image files, whatever their size and times, and how little is read to find them."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
import torch
from PIL import Image

from askattend.features import image_files, image_places
from askattend.features.image_places import Place
from askattend.features.images import resize
from askattend.features.spec import Backbone
from askattend.features.store import FeatureStore
from features.feature_cases import Unused, content, printed, quiet, run, tiny

PAST = time.time_ns() - 3_600_000_000_000


@pytest.fixture
def pictures(tmp_path: Path) -> dict[str, Path]:
    """Flat pictures whose files are of one size, unpacked."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for colour in ("red", "blue", "lime"):
        Image.new("RGB", (9, 8), colour).save(folder / f"{colour}.bmp")
    return {file.stem: file for file in sorted(folder.iterdir())}


def fresh(backbone: Backbone, colour: str) -> torch.Tensor:
    return backbone.regions(resize(Image.new("RGB", (9, 8), colour), 64)[None])


def swap(one: Path, other: Path) -> None:
    aside = one.with_name("aside")
    one.rename(aside)
    other.rename(one)
    aside.rename(other)


@pytest.mark.parametrize("times", ["moved", "same", "touched"])
def test_pictures_of_one_size_that_changed_places(
    pictures: dict[str, Path], colours: Backbone, tmp_path: Path, times: str
) -> None:
    for file in pictures.values():
        os.utime(file, ns=(PAST, PAST))
    run(pictures, tmp_path / "store", colours)
    swap(pictures["red"], pictures["blue"])
    if times == "touched":
        for file in pictures.values():
            file.touch()
    if times == "same":  # a sync tool that keeps times
        moved = pictures["red"].read_bytes()
        pictures["red"].write_bytes(moved)
        os.utime(pictures["red"], ns=(PAST, PAST))
    assert set(FeatureStore.open(tmp_path / "store").outdated(pictures)) == {"red", "blue"}
    console = quiet()
    report = run(pictures, tmp_path / "store", colours, console=console)
    assert (report.done, report.already) == (2, 1)
    assert "2 of them anew, as their files have changed: blue, red" in printed(console)
    for name, now in (("red", "blue"), ("blue", "red"), ("lime", "lime")):
        assert torch.equal(report.store.read([name]), fresh(colours, now))
    assert not report.store.outdated(pictures)


def test_a_swap_amid_an_extraction(
    pictures: dict[str, Path], colours: Backbone, tmp_path: Path
) -> None:
    def swap_after_the_first(done: int, total: int) -> None:
        if done == total:
            swap(pictures["red"], pictures["blue"])

    run(pictures, tmp_path / "store", colours, progress=swap_after_the_first)
    assert run(pictures, tmp_path / "store", colours).done == 2


def test_what_changed_in_its_times_alone_is_kept(
    pictures: dict[str, Path], colours: Backbone, tmp_path: Path
) -> None:
    run(pictures, tmp_path / "store", colours)
    before = content(tmp_path / "store")
    for file in pictures.values():
        file.write_bytes(file.read_bytes())
    unused = tiny(colours, Unused())
    assert run(pictures, tmp_path / "store", unused).already == 3
    assert content(tmp_path / "store") == before


def test_files_are_read_once(
    pictures: dict[str, Path],
    colours: Backbone,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(image_files, "_RECENT", -3_600_000_000_000)  # as if an hour had passed
    read: list[Path] = []

    def note(place: Place, image: str) -> bytes:
        read.append(Path(place.name))
        return Path(place.name).read_bytes()

    monkeypatch.setattr(image_files, "read_image", note)
    store = tmp_path / "store"
    run(pictures, store, colours)
    run(pictures, store, colours)
    assert not read
    pictures["red"].touch()
    run(pictures, store, colours)
    assert read == [pictures["red"]]
    run(pictures, store, colours)
    assert len(read) == 1
    (tmp_path / ".store.seen").write_text("{")  # damaged: nothing is remembered
    run(pictures, store, colours)
    assert len(read) == 4
    moved = store.rename(tmp_path / "moved")
    assert not FeatureStore.open(moved).outdated(pictures)


def test_a_change_within_the_clock_is_noticed(
    pictures: dict[str, Path], colours: Backbone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file system with coarse times may call a file unchanged that is not."""
    run(pictures, tmp_path / "store", colours)
    known = {place: image_places.status_of(place) for place in map(Place.of, pictures.values())}
    swap(pictures["red"], pictures["blue"])
    monkeypatch.setattr(image_files, "status_of", known.get)
    assert set(FeatureStore.open(tmp_path / "store").outdated(pictures)) == {"red", "blue"}


def test_gone_files_are_no_change(
    pictures: dict[str, Path], colours: Backbone, tmp_path: Path
) -> None:
    run(pictures, tmp_path / "store", colours)
    pictures["red"].unlink()
    assert not FeatureStore.open(tmp_path / "store").outdated(pictures)


def test_where_nothing_can_be_remembered_it_is_said(
    pictures: dict[str, Path], colours: Backbone, tmp_path: Path
) -> None:
    store = tmp_path / "store"
    said: list[str] = []
    (tmp_path / ".store.seen").mkdir()  # no file can be written in its place
    console = quiet()
    run(pictures, store, colours, console=console)
    told = f"3 image files are read again each time, to see whether they have changed: {tmp_path}"
    assert f"note: {told}" in printed(console)
    assert not FeatureStore.open(store).outdated(pictures, said.append)
    assert [text.startswith(told) for text in said] == [True]
    (tmp_path / ".store.seen").rmdir()
    assert not FeatureStore.open(store).outdated(pictures, said.append)
    assert len(said) == 1
