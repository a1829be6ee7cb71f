"""Manifests: what they notice, and that no kill makes them untrue."""

from __future__ import annotations

import hashlib
import json
import os
import re
import warnings
from collections.abc import Callable
from pathlib import Path
from threading import Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st

from askattend.errors import DataError
from askattend.files import system_calls
from askattend.files.manifest import (
    MANIFEST,
    UNPACKED,
    Entry,
    Manifest,
    OlderFolderWarning,
    find_change,
    is_expected,
    read_manifest,
    read_unchanged,
    require_together,
    require_unchanged,
    warn_without_manifest,
)
from askattend.files.recording import encode
from askattend.files.writing import (
    accept,
    atomic_write,
    begin_manifest,
    remove,
    write_together,
)


class Killed(BaseException): ...


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    begin_manifest(tmp_path, ())
    atomic_write(tmp_path / "a", b"one")
    atomic_write(tmp_path / "b", b"two")
    return tmp_path


def listed(folder: Path) -> dict[str, str]:
    """A manifest's names and digests, without the package's own reader."""
    content = json.loads((folder / MANIFEST).read_text())
    assert not content["writing"]
    return {name: entry["sha256"] for name, entry in content["files"].items()}


def test_a_manifest_lists_what_was_written(folder: Path) -> None:
    expected = {n: hashlib.sha256(c).hexdigest() for n, c in (("a", b"one"), ("b", b"two"))}
    assert listed(folder) == expected
    assert list(listed(folder)) == ["a", "b"]
    atomic_write(folder / "a", b"")
    assert listed(folder)["a"] == hashlib.sha256(b"").hexdigest()
    remove(folder / "b")
    remove(folder / "never there")
    assert list(listed(folder)) == ["a"]
    atomic_write(folder / ".hidden", b"no part of it")
    assert list(listed(folder)) == ["a"]


def test_the_same_files_have_the_same_manifest(tmp_path: Path) -> None:
    for place, names in (("x", "ab"), ("y", "ba")):
        begin_manifest(tmp_path / place, ())
        for name in names:
            atomic_write(tmp_path / place / name, name.encode())
    assert (tmp_path / "x" / MANIFEST).read_bytes() == (tmp_path / "y" / MANIFEST).read_bytes()


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (lambda f: (f / "a").write_bytes(b"oen"), "its SHA-256 is not that in manifest.json"),
        (lambda f: (f / "a").write_bytes(b"on"), "2 bytes, not 3"),
        (lambda f: (f / "a").write_bytes((f / "b").read_bytes()), "is not as it was written"),
        (lambda f: (f / "a").unlink(), "is missing: manifest.json lists it"),
        (lambda f: (f / MANIFEST).write_text("{"), "cannot be checked: manifest.json is damaged"),
        (lambda f: (f / MANIFEST).write_bytes(b"\xff"), "manifest.json is damaged"),
        (
            lambda f: (f / MANIFEST).write_text((f / MANIFEST).read_text().replace('"a"', '"c"')),
            "not what its own digest says",
        ),
    ],
)
def test_what_is_damaged_is_named(
    folder: Path, spoil: Callable[[Path], object], problem: str
) -> None:
    spoil(folder)
    for check in (require_unchanged, read_unchanged):
        with pytest.raises(DataError) as caught:
            check(folder / "a", DataError)
        assert problem in caught.value.problem
        assert caught.value.where == folder / "a"
        assert f"askattend verify {folder} --accept" in caught.value.remedy
    assert find_change(folder / "a") is not None
    accept(folder, "ab")
    assert find_change(folder / "a") is None
    assert find_change(folder / "b") is None


def test_a_file_of_elsewhere_is_named(folder: Path) -> None:
    (folder / "c").write_bytes(b"three")
    with pytest.raises(DataError, match=r"c: does not belong here: manifest\.json does not list"):
        read_unchanged(folder / "c", DataError)
    assert [is_expected(folder / name) for name in "abcd"] == [True, True, True, False]
    with pytest.raises(FileNotFoundError):
        read_unchanged(folder / "d", DataError)
    (folder / "b").unlink()
    assert is_expected(folder / "b")


def test_bits_of_a_manifest_count_or_have_no_effect(folder: Path) -> None:
    whole = (folder / MANIFEST).read_bytes()
    before = read_manifest(folder)
    for bit in range(0, 8 * len(whole), 7):  # each place of a byte, again and again
        flipped = bytearray(whole)
        flipped[bit // 8] ^= 1 << bit % 8
        (folder / MANIFEST).write_bytes(flipped)
        try:
            assert read_manifest(folder) == before, bit
        except ValueError:
            continue


@pytest.mark.parametrize("name", ["../outside", "/dev/zero", "a/b", "..", "", "a\\b"])
def test_a_manifest_lists_no_files_of_other_folders(folder: Path, name: str) -> None:
    """A stranger's could name a device, which would be read without end."""
    manifest = Manifest({name: Entry(1, "0" * 64)})
    (folder / MANIFEST).write_bytes(encode(manifest))
    with pytest.raises(ValueError, match="it lists files of other folders"):
        read_manifest(folder)


def test_a_pipe_or_a_device_is_no_file(folder: Path) -> None:
    for name, there in (("a", Path("/dev/zero")), ("b", folder / "pipe")):
        (folder / name).unlink()
        (folder / name).symlink_to(there)
    os.mkfifo(folder / "pipe")
    for name in "ab":
        change = find_change(folder / name)
        assert change is not None
        assert re.match(r"cannot be read \((a pipe|a device), not a file", change.problem)


def test_a_folder_without_a_manifest_is_read_with_a_warning(tmp_path: Path) -> None:
    atomic_write(tmp_path / "a", b"one")
    assert not (tmp_path / MANIFEST).exists()
    assert read_unchanged(tmp_path / "a", DataError) == b"one"
    with pytest.warns(OlderFolderWarning, match="this run has no manifest.json"):
        warn_without_manifest(tmp_path, "run")
    accept(tmp_path, ("a", "not there"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_without_manifest(tmp_path, "run")
    assert list(listed(tmp_path)) == ["a"]


def test_somebody_elses_manifest_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / MANIFEST).write_text('{"short_name": "a web page"}')
    atomic_write(tmp_path / "a", b"one")
    assert (tmp_path / MANIFEST).read_text() == '{"short_name": "a web page"}'
    assert {file.name for file in tmp_path.iterdir()} == {MANIFEST, "a"}


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Lets a process die before so many replacements of a file."""
    rename, left = system_calls.rename, [10**6]

    def dying(source: Path, target: Path) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise Killed
        rename(source, target)

    monkeypatch.setattr(system_calls, "rename", dying)
    return lambda count: left.__setitem__(0, count)


def contents(folder: Path) -> dict[str, bytes]:
    return {name: read_unchanged(folder / name, DataError) for name in ("a", "b")}


@pytest.mark.parametrize("again", ["the same", "other"])
def test_a_kill_at_any_step_leaves_files_that_can_be_read(
    folder: Path, steps: Callable[[int], None], again: str
) -> None:
    for step in range(3):
        before = contents(folder)
        steps(step)
        with pytest.raises(Killed):
            atomic_write(folder / "a", b"new %d" % step)
        now = contents(folder)
        assert now["b"] == before["b"]
        assert now["a"] in (before["a"], b"new %d" % step)
        # What is neither is noticed still, also while a write is unfinished.
        (folder / "a").write_bytes(b"damaged")
        assert find_change(folder / "a") is not None
        (folder / "a").write_bytes(now["a"])
        steps(10**6)
        if again == "other":
            atomic_write(folder / "b", b"another %d" % step)
            assert list(listed(folder)) == ["a", "b"]
            (folder / "a").write_bytes(before["a"] if now["a"] != before["a"] else b"new")
            assert find_change(folder / "a") is not None, "what was not written counts no more"
            (folder / "a").write_bytes(now["a"])
        atomic_write(folder / "a", b"new %d" % step)
        assert contents(folder)["a"] == b"new %d" % step
        assert list(listed(folder)) == ["a", "b"]


def test_a_kill_while_a_file_is_removed_or_new(folder: Path, steps: Callable[[int], None]) -> None:
    for step in range(3):
        steps(step)
        with pytest.raises(Killed):
            atomic_write(folder / "new", b"new")
        assert find_change(folder / "new") is None
        steps(10**6)
        remove(folder / "new")
    steps(1)
    with pytest.raises(Killed):
        remove(folder / "a")
    assert find_change(folder / "a") is None
    steps(10**6)
    atomic_write(folder / "b", b"more")
    assert list(listed(folder)) == ["b"]


def test_a_kill_between_files_that_belong_together_is_told(
    folder: Path, steps: Callable[[int], None]
) -> None:
    states: list[bytes | str] = []
    for step in range(4):
        write_together(folder, {"a": b"one", "b": b"two"})
        steps(step)
        with pytest.raises(Killed):
            write_together(folder, {"a": b"other", "b": b"others"})
        steps(10**6)
        assert {find_change(folder / name) for name in "ab"} == {None}
        try:
            require_together(folder, "ab", DataError)
            states.append((folder / "a").read_bytes() + (folder / "b").read_bytes())
        except DataError as error:
            states.append(error.problem)
    stopped = "was being written when something stopped it"
    assert states == [b"onetwo", b"onetwo", stopped, b"otherothers"]


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 3), st.booleans()), max_size=6))
def test_any_order_of_writes_and_kills(
    tmp_path_factory: pytest.TempPathFactory, orders: list[tuple[str, int, bool]]
) -> None:
    """The manifest allows what is there, and once a write is through it lists that alone."""
    folder = tmp_path_factory.mktemp("any")
    begin_manifest(folder, ())
    rename, left = system_calls.rename, [0]

    def dying(source: Path, target: Path) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise Killed
        rename(source, target)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(system_calls, "rename", dying)
        for name, steps, removed in orders:
            left[0] = steps
            try:
                if removed:
                    remove(folder / name)
                else:
                    atomic_write(folder / name, f"{name} {steps}".encode())
            except Killed:
                pass
            else:
                there = {file.name for file in folder.iterdir() if len(file.name) == 1}
                assert set(listed(folder)) == there
            assert [find_change(folder / each) for each in "ab"] == [None, None]


def test_a_reader_never_takes_a_file_that_is_replaced_for_a_damaged_one(folder: Path) -> None:
    def write() -> None:
        for number in range(60):
            atomic_write(folder / "a", b"x" * number)

    writer = Thread(target=write)
    writer.start()
    while writer.is_alive():
        assert read_unchanged(folder / "a", DataError) is not None
    writer.join()


def test_writers_do_not_forget_each_others_files(folder: Path) -> None:
    def write(name: str) -> None:
        for number in range(15):
            atomic_write(folder / name, b"%d" % number)

    writers = [Thread(target=write, args=(name,)) for name in "cdef"]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert sorted(listed(folder)) == list("abcdef")
    assert [find_change(folder / name) for name in "abcdef"] == [None] * 6


def test_a_damaged_manifest_does_not_stop_whoever_writes(folder: Path) -> None:
    (folder / MANIFEST).write_text("{")
    atomic_write(folder / "a", b"hours of work")
    assert (folder / "a").read_bytes() == b"hours of work"


def test_an_entry_is_none_of_what_is_not_there(tmp_path: Path) -> None:
    assert Entry.of_file(tmp_path) is None
    assert Entry.of_file(tmp_path / "nowhere") is None
    assert Manifest().allows("nowhere", None)


def test_an_unreadable_file_is_not_said_to_be_missing(folder: Path) -> None:
    (folder / "a").unlink()
    (folder / "a").symlink_to("a")
    change = find_change(folder / "a")
    assert change is not None
    assert change.problem.startswith("cannot be read (Too many levels of symbolic links")
    assert change.remedy == "Check that it is a file, and that you may read it."


def test_a_manifest_that_is_no_file_is_told_without_a_number_of_the_system(folder: Path) -> None:
    manifest = folder / MANIFEST
    manifest.unlink()
    manifest.mkdir()
    change = find_change(folder / "a")
    assert change is not None
    assert change.problem == f"cannot be checked: {MANIFEST} is damaged (Is a directory)"


def test_what_was_unpacked_is_removed_to_be_unpacked_again(folder: Path) -> None:
    (folder / "a").write_bytes(b"other")
    (folder / UNPACKED).touch()
    change = find_change(folder / "a")
    assert change is not None
    assert change.remedy.startswith(f"Remove {folder}, and name the packed run again")
