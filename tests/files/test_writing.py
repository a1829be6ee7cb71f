"""Files and folders are written whole or not at all, whatever step fails or is the last."""

from __future__ import annotations

import errno
import os
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load, save

from askattend.files import (
    append,
    atomic_write,
    make_folder,
    sweep,
    system_calls,
    whole_file,
    whole_folder,
    write_whole,
)
from askattend.files.tensors import tensor_pieces
from benchmarks.faults.disk import (
    ERRORS,
    STEPS,
    TIDYING,
    contents,
    failing_step,
    killed_after,
    steps_of,
)

OLD, NEW = b"old" * 5, b"new" * 1000
Write = Callable[[Path], None]


def whole(folder: Path) -> None:
    atomic_write(folder / "file", NEW)


def in_pieces(folder: Path) -> None:
    with whole_file(folder / "file") as opened:
        for start in range(0, len(NEW), 1500):
            opened.write(NEW[start : start + 1500])
            opened.flush()


def in_folder(folder: Path) -> None:
    with whole_folder(folder / "made") as made:
        atomic_write(made / "file", NEW)
        make_folder(made / "more")


def added(folder: Path) -> None:
    append(folder / "file", NEW)


def tensors(folder: Path) -> None:
    pieces = tensor_pieces({"a": torch.arange(6), "b": torch.ones(2)}, {"k": "v"})
    atomic_write(folder / "file", pieces)


WRITES: tuple[Write, ...] = (whole, in_pieces, in_folder, added, tensors)
EITHER = {write: "made" if write is in_folder else "file" for write in WRITES}


@pytest.fixture(params=WRITES, ids=lambda write: write.__name__)
def write(request: pytest.FixtureRequest) -> Write:
    chosen: Write = request.param
    return chosen


def fresh(folder: Path, number: int) -> Path:
    made = folder / str(number)
    made.mkdir()
    (made / "file").write_bytes(OLD)
    return made


def visible(folder: Path) -> dict[str, bytes | None]:
    return {name: content for name, content in contents(folder).items() if name[0] != "."}


def test_a_process_killed_after_any_step_leaves_the_old_or_the_new(
    write: Write, tmp_path: Path
) -> None:
    before = fresh(tmp_path, 0)
    old = contents(before)
    steps = steps_of(lambda: write(before))
    new = contents(before)
    assert new != old
    assert {"write", "flush"} <= set(steps) <= set(STEPS)
    left = 0
    for number in range(1, len(steps) + 1):
        folder = fresh(tmp_path, number)
        assert killed_after(number, lambda folder=folder: write(folder))  # type: ignore[misc]
        found = visible(folder)
        if write is added:  # which tells half a record by its checksum
            content = found.pop("file")
            assert content is not None
            assert (OLD + NEW).startswith(content)
            continue
        assert found in (old, new), steps[:number]
        left += contents(folder) != found
        if write is in_folder and found == new:
            continue  # which may not be made again
        write(folder)  # the next writer sweeps
        assert contents(folder) == new
    assert left or write is added
    assert not killed_after(len(steps) + 1, lambda: write(fresh(tmp_path, len(steps) + 1)))


@pytest.mark.parametrize("code", ERRORS, ids=errno.errorcode.get)
def test_any_step_that_fails_names_the_file_and_leaves_the_old(
    write: Write, code: int, tmp_path: Path
) -> None:
    steps = steps_of(lambda: write(fresh(tmp_path, 0)))
    new = contents(tmp_path / "0")
    for number, name in enumerate(steps, 1):
        folder = fresh(tmp_path, number)
        before = contents(folder)
        with failing_step(number - 1, code) as made:
            # Tidying up is all that may fail unheard.
            fails = name not in TIDYING
            with pytest.raises(OSError) if fails else nullcontext() as raised:  # noqa: PT011
                write(folder)
        if raised is not None:
            assert raised.value.errno == code
            assert raised.value.strerror == os.strerror(code)
            assert Path(str(raised.value.filename)).is_relative_to(folder / EITHER[write])
        assert made[:number] == steps[:number]
        # Once it has its name, it is there, though perhaps not after a power failure.
        renamed = "rename" in made[: number - 1] and write is not in_folder
        renamed |= made[: number - 1].count("rename") == 2
        assert contents(folder) == (new if renamed else before), name
        if write is not added and not (write is in_folder and renamed):
            write(folder)
            assert contents(folder) == new


def test_a_disk_that_takes_a_byte_at_a_time(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = fresh(tmp_path, 0)
    write(expected)
    folder = fresh(tmp_path, 1)
    monkeypatch.setattr(system_calls, "write", lambda handle, data: os.write(handle, data[:1]))
    write(folder)
    assert contents(folder) == contents(expected)


def test_a_full_disk_after_part_of_a_write(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = fresh(tmp_path, 0)
    taken: list[int] = []
    before = contents(folder)

    def fill(handle: int, data: memoryview) -> int:
        if taken:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        taken.append(os.write(handle, data[:10]))
        return 10

    monkeypatch.setattr(system_calls, "write", fill)
    with pytest.raises(OSError, match="No space left on device") as raised:
        write(folder)
    assert Path(str(raised.value.filename)).is_relative_to(folder / EITHER[write])
    assert taken == [10]
    assert contents(folder) == before


@contextmanager
def at_work(folder: Path) -> Iterator[None]:
    with whole_file(folder / "best"), whole_folder(folder / "made"):
        yield


def test_the_sweep_leaves_what_somebody_is_at(tmp_path: Path) -> None:
    for name in (".best.0123abcd", ".tmpAb12Cd", "best", ".tmp", ".best.0123abc", ".tmpA-12Cd"):
        (tmp_path / name).write_text("x")
    (tmp_path / ".store.00000000").mkdir()
    (tmp_path / ".store.00000000" / "shard").write_text("x")
    (tmp_path / ".link.0123abcd").symlink_to(tmp_path / "best")
    kept = {"best", ".tmp", ".best.0123abc", ".tmpA-12Cd", ".link.0123abcd"}
    with at_work(tmp_path):
        busy = {path.name for path in tmp_path.iterdir()}
        sweep(tmp_path, "store")
        assert {path.name for path in tmp_path.iterdir()} == busy - {".store.00000000"}
        sweep(tmp_path)
        working = {path.name for path in tmp_path.iterdir()} - kept
        assert len(working) == 2
        assert all(re.fullmatch(r"\.(best|made)\.[0-9a-f]{8}", name) for name in working)
    assert {path.name for path in tmp_path.iterdir()} == kept | {"made"}
    sweep(tmp_path / "nowhere")


def test_many_write_one_file_at_once(tmp_path: Path) -> None:
    failed: list[BaseException] = []

    def write_often(byte: int) -> None:
        try:
            for _ in range(40):
                atomic_write(tmp_path / "file", bytes([byte]) * 9999)
                sweep(tmp_path)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=write_often, args=(byte,)) for byte in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert len(set((tmp_path / "file").read_bytes())) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_file_in_the_place_of_a_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file") as raised:
        make_folder(tmp_path / "file" / "below")
    assert raised.value.filename == str(tmp_path / "file" / "below")
    make_folder(tmp_path / "a" / "b")
    make_folder(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").is_dir()


TYPES = (
    *(torch.bool, torch.uint8, torch.int8, torch.int16, torch.float16, torch.bfloat16),
    *(torch.int32, torch.float32, torch.int64, torch.float64),
)
CHARACTERS = st.characters(codec="utf-8")
TENSORS = st.dictionaries(
    st.text(CHARACTERS, min_size=1, max_size=8),
    st.tuples(st.sampled_from(TYPES), st.lists(st.integers(0, 3), max_size=3)),
    min_size=1,
    max_size=6,
)
TEXTS = st.text(CHARACTERS, max_size=20)


@given(made=TENSORS, metadata=st.none() | st.dictionaries(st.just("state"), TEXTS))
def test_tensors_are_the_bytes_of_safetensors(
    made: dict[str, tuple[torch.dtype, list[int]]],
    metadata: dict[str, str] | None,
) -> None:
    tensors = {name: torch.rand(shape).mul(9).to(dtype) for name, (dtype, shape) in made.items()}
    content = b"".join(tensor_pieces(tensors, metadata))
    assert content == save(tensors, metadata=metadata)
    assert load(content).keys() == tensors.keys()


def test_no_file_is_put_in_the_place_of_a_pipe(tmp_path: Path) -> None:
    """By root it would be gone for everybody, as /dev/null would be."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(OSError, match="a pipe or a device, not a file; name another"):
        atomic_write(pipe, NEW)
    assert pipe.is_fifo()
    with pytest.raises(OSError, match="No such device") as error:
        append(pipe, NEW)  # nobody reads from it, and nobody waits for that
    assert error.value.filename == str(pipe)


def test_many_files_are_written_without_a_look_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = tmp_path / ".file.0123abcd"
    left.write_bytes(OLD)
    write_whole(tmp_path / "file", NEW, swept=True)
    assert left.exists()
    write_whole(tmp_path / "file", NEW)
    assert not left.exists()
