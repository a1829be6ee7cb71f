"""Runs, stores and packs from strangers: no code of theirs runs, and no file elsewhere is read."""

from __future__ import annotations

import io
import json
import os
import pickle
import shutil
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from askattend.environment.packing import pack, run_folder
from askattend.experiment.verify import verify
from askattend.features.image_sources import images_in
from askattend.features.images import open_image
from askattend.features.store import FeatureStore
from askattend.importing.torch_file import load_plain
from askattend.report.card import write_card
from askattend.runs.predictor import Predictor
from askattend.runs.run_folder import Run
from attacks.limited import attempt

NOBODY = 65534
pytestmark = pytest.mark.filterwarnings("ignore::askattend.files.manifest.OlderFolderWarning")


class Runs:
    """Leaves a file where it is unpickled."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[Callable[[str], object], tuple[str]]:
        return os.mkdir, (str(self.file),)


@pytest.fixture
def copied(run: Path, tmp_path: Path) -> Path:
    """A copy of a run without the manifest, which would notice any change at once."""
    shutil.copytree(run, tmp_path / "run", ignore=shutil.ignore_patterns("manifest*", ".*"))
    return tmp_path / "run"


READ = ("config.toml", "words.json", "answers.json", "floors.json", "features.json")


@pytest.mark.parametrize("name", [*READ, "best.safetensors"])
def test_a_file_of_a_run_that_is_none(name: str, copied: Path, tmp_path: Path) -> None:
    file, content = copied / name, (copied / name).read_bytes()
    inside = tmp_path / "ran"

    def put(new: bytes) -> Callable[[], None]:
        def deed() -> None:
            file.write_bytes(new)

        return deed

    deeds: list[Callable[[], object]] = [
        lambda: file.symlink_to("/dev/zero"),
        lambda: os.mkfifo(file),
        lambda: file.symlink_to(file),
        put(pickle.dumps(Runs(inside))),
        put(b"[" * 100_000),
        put(b'{"a":' * 100_000),
        put(b"a" + b".a" * 50_000 + b"=1"),
        put(struct.pack("<Q", 2**60) + content[8:]),
        put(b""),
    ]

    def all_deeds() -> list[tuple[int, str]]:
        taken: list[tuple[int, str]] = []
        for number, deed in enumerate(deeds):
            file.unlink(missing_ok=True)
            deed()
            outcome = attempt(lambda: Predictor.load(copied), mib=400)
            if outcome.how != "refused":
                taken.append((number, outcome.told[-300:]))
        return taken

    assert all_deeds() == []
    assert not inside.exists()


def test_tensors_that_say_they_are_of_any_size(copied: Path) -> None:
    sizes = {"huge": ([10**12], [0, 4 * 10**12]), "dims": ([0] * 100_000, [0, 0])}
    for shape, places in sizes.values():
        header = json.dumps(
            {"w": {"dtype": "F32", "shape": shape, "data_offsets": places}}
        ).encode()
        content = struct.pack("<Q", len(header)) + header
        (copied / "best.safetensors").write_bytes(content)
        attempt(lambda: Run.load(copied).load_model()).refused("best.safetensors")


@pytest.mark.parametrize("size", [10**6, 10**12, 10**30, -1])
@pytest.mark.parametrize("name", ["hidden_dim", "question_dim", "glimpses"])
def test_absurd_widths(name: str, size: int, copied: Path) -> None:
    text = (copied / "config.toml").read_text()
    changed = "\n".join(
        f"{name} = {size}" if line.startswith(f"{name} = ") else line for line in text.splitlines()
    )
    assert changed != text
    (copied / "config.toml").write_text(changed)
    attempt(lambda: Run.load(copied).load_model()).refused("config.toml")


def test_pickles_do_not_run(tmp_path: Path) -> None:
    inside = tmp_path / "ran"
    for save in (
        lambda file: torch.save({"weights": Runs(inside)}, file),
        lambda file: torch.save(Runs(inside), file, _use_new_zipfile_serialization=False),
        lambda file: file.write_bytes(pickle.dumps(Runs(inside))),
    ):
        save(tmp_path / "log.pth")
        attempt(lambda: load_plain(tmp_path / "log.pth")).refused("log.pth")
    assert not inside.exists()


@pytest.fixture
def packed(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ASKATTEND_CACHE", str(tmp_path / "cache"))
    pack(run, tmp_path / "whole.zip")
    return tmp_path / "whole.zip"


def with_entries(packed: Path, *entries: tuple[str | zipfile.ZipInfo, bytes]) -> Path:
    stream = io.BytesIO()
    with zipfile.ZipFile(packed) as old, zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as new:
        for entry in old.infolist():
            new.writestr(entry, old.read(entry))
        for name, content in entries:
            new.writestr(name, content)
    file = packed.with_name("changed.zip")
    file.write_bytes(stream.getvalue())
    return file


def link(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name)
    entry.external_attr = 0o120777 << 16
    return entry


@pytest.mark.parametrize(
    "name",
    [
        *("../../escaped.json", "/tmp/escaped.json", "a/../../../escaped.json", "C:\\escaped.json"),
        *("a/" * 5000 + "escaped.json", "escaped.json/", "words.json/escaped.json"),
    ],
)
def test_a_pack_writes_nothing_elsewhere(name: str, packed: Path, tmp_path: Path) -> None:
    file = with_entries(packed, (name, b"{}"))
    attempt(lambda: run_folder(file)).harmless()
    written = [path for path in tmp_path.rglob("*escaped*") if path.is_file()]
    assert all(path.is_relative_to(tmp_path / "cache" / "packed") for path in written)
    assert not Path("/tmp/escaped.json").exists()


def test_a_pack_brings_no_link(packed: Path, tmp_path: Path) -> None:
    file = with_entries(packed, (link("more.json"), b"/etc/passwd"))
    attempt(lambda: run_folder(file)).harmless()
    assert not any(path.is_symlink() for path in (tmp_path / "cache").rglob("*"))


def test_a_pack_that_fills_the_disk_is_refused(packed: Path) -> None:
    large = with_entries(packed, ("large.json", bytes(260 * 2**20)))
    attempt(lambda: run_folder(large)).refused("would unpack to")
    many = with_entries(packed, *((f"{number}.json", b"") for number in range(4100)))
    attempt(lambda: run_folder(many)).refused("more than a run can")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root may")
def test_other_users_folders(run: Path, copied: Path, tmp_path: Path) -> None:
    """A user who may not read, or not write, is told so; and reads what is another's."""
    for path in (tmp_path, *tmp_path.parents):
        if path.stat().st_uid == 0 and path.stat().st_mode & 0o777 == 0o700:
            path.chmod(0o711)
    store = tmp_path / "store"
    (made,) = (path for path in (run.parent / "features").iterdir() if path.is_dir())
    shutil.copytree(made, store)
    picture = tmp_path / "picture.png"
    shutil.copy(run.parents[1] / "square 0.png", picture)

    def read_all() -> object:
        opened = FeatureStore.open(store)
        return opened.read(opened.ids).shape, open_image(picture).size

    assert attempt(read_all, user=NOBODY).how == "done"
    for path in (picture, *store.glob("shard-*"), copied / "words.json"):
        path.chmod(0o600)
    attempt(lambda: open_image(picture), user=NOBODY).refused("Permission denied")
    attempt(read_all, user=NOBODY).refused("shard-")
    attempt(lambda: Run.load(copied), user=NOBODY).refused("words.json")
    store.chmod(0o700)
    attempt(lambda: FeatureStore.open(store), user=NOBODY).refused("store")
    attempt(lambda: len(images_in(store)), user=NOBODY).refused()


def test_a_shard_that_is_a_pipe_is_not_waited_for(run: Path, tmp_path: Path) -> None:
    (made,) = (path for path in (run.parent / "features").iterdir() if path.is_dir())
    shutil.copytree(made, tmp_path / "store")
    shard = next((tmp_path / "store").glob("shard-*"))
    shard.unlink()
    os.mkfifo(shard)

    def read_all() -> object:
        store = FeatureStore.open(tmp_path / "store")
        return store.read(store.ids)

    attempt(read_all, mib=400).refused(shard.name)


def test_parts_of_a_pack_are_packed_as_usual(packed: Path) -> None:
    """Python unpacks bzip2 without a limit: a few kilobytes become any number of gigabytes."""
    with zipfile.ZipFile(packed, "a", zipfile.ZIP_BZIP2) as archive:
        archive.writestr("more.json", bytes(10**6))
    attempt(lambda: run_folder(packed)).refused("is packed in an unusual way")


def test_a_name_that_is_a_file_and_a_folder(packed: Path) -> None:
    file = with_entries(packed, ("a.json/b.json", b"{}"), ("a.json", b"{}"))
    attempt(lambda: run_folder(file)).refused("the zip file is damaged (Is a directory)")
    assert [one.problem for one in verify(file).damaged] == [
        "the zip file is damaged (Is a directory)"
    ]


def test_a_pack_cut_out_of_the_middle(packed: Path) -> None:
    content = packed.read_bytes()
    packed.write_bytes(content[:1000] + content[3000:])
    attempt(lambda: run_folder(packed)).refused("the zip file is damaged")
    damaged = verify(packed).damaged
    assert damaged
    assert all(one.file.startswith(str(packed)) for one in damaged)
    assert all(one.problem.startswith("the zip file is damaged (") for one in damaged)


def test_a_likeness_without_shape(copied: Path) -> None:
    tensors = {name: torch.ones(()) for name in ("mean", "matrix", "scale")}
    metadata = {"likeness": '{"rest": 1, "threshold": 1}'}
    save_file(tensors, copied / "likeness.safetensors", metadata)
    attempt(lambda: Predictor.load(copied)).refused("likeness.safetensors: holds no likeness")


def test_a_card_that_is_a_pipe_is_not_waited_for(copied: Path) -> None:
    (copied / "README.md").unlink(missing_ok=True)
    os.mkfifo(copied / "README.md")
    with pytest.raises(OSError, match="a pipe, not a file"):
        write_card(Run.load(copied))
