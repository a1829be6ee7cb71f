"""A training's logs: true to its history, and never in its way."""

from __future__ import annotations

import csv
import errno
import io
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from rich.console import Console
from tensorboardX.proto.event_pb2 import Event

from askattend.files import system_calls
from askattend.training.history import Epoch, TrainingHistory
from askattend.training.log import TrainingLog


def history(epochs: int) -> TrainingHistory:
    rows = [Epoch(n, 10 * n, 0.1, 1 / n, 2 / n, n / 100, 2.0, 5.0) for n in range(1, epochs + 1)]
    return TrainingHistory(tuple(rows))


def events(folder: Path) -> list[Event]:
    """Read TFRecords: a length, its checksum, an event, its checksum."""
    (file,) = folder.glob("*tfevents*")
    content, at, found = file.read_bytes(), 0, []
    while at < len(content):
        length = int.from_bytes(content[at : at + 8], "little")
        found.append(Event.FromString(content[at + 12 : at + 12 + length]))
        at += 16 + length
    return found


def epochs_told(folder: Path) -> list[int]:
    told = [e.step for e in events(folder) for v in e.summary.value if v.tag == "valid/accuracy"]
    return [step // 10 for step in told]


@contextmanager
def full(monkeypatch: pytest.MonkeyPatch, part: str) -> Iterator[None]:
    """A disk that takes nothing more into files whose path has that part."""
    real = system_calls.write

    def write(handle: int, data: memoryview) -> int:
        if part in os.readlink(f"/proc/self/fd/{handle}"):
            real(handle, data[:3])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(handle, data)

    with monkeypatch.context() as patch:
        patch.setattr(system_calls, "write", write)
        yield


def log_in(folder: Path) -> tuple[TrainingLog, io.StringIO]:
    said = io.StringIO()
    return TrainingLog(folder, Console(file=said, width=400)), said


def test_each_epoch_is_there_at_once_and_once(tmp_path: Path) -> None:
    log, said = log_in(tmp_path)
    for epochs in range(5):
        log.write(history(epochs))
        # As a process killed now would leave it.
        assert epochs_told(tmp_path / "tensorboard") == list(range(1, epochs + 1))
        rows = list(csv.DictReader(io.StringIO((tmp_path / "log.csv").read_text())))
        assert [int(row["epoch"]) for row in rows] == list(range(1, epochs + 1))
    first = events(tmp_path / "tensorboard")[:2]
    assert first[0].file_version == "brain.Event:2"
    assert (first[1].session_log.status, first[1].step) == (1, 0)  # what was read before is dropped
    # Resumed, it is made of the history, whatever was there.
    again, _ = log_in(tmp_path)
    again.write(history(3))
    again.write(history(4))
    assert epochs_told(tmp_path / "tensorboard") == [1, 2, 3, 4]
    times = [event.wall_time for event in events(tmp_path / "tensorboard")[2:]]
    assert times == sorted(times)
    assert said.getvalue() == ""


@pytest.mark.parametrize(("part", "name"), [("tensorboard", "events"), ("log.csv", "log.csv")])
def test_a_full_disk_is_noted_once_and_hangs_nobody(
    part: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, said = log_in(tmp_path)
    log.write(history(1))
    threads = threading.active_count()
    with full(monkeypatch, part):
        for epochs in range(2, 60):  # more than any queue holds
            log.write(history(epochs))
    assert threading.active_count() == threads
    lines = said.getvalue().splitlines()
    assert len(lines) == 1
    for words in ("the training goes on without", name, part, "No space left on device"):
        assert words in lines[0]
    assert not [file for file in tmp_path.rglob(".*") if "lock" not in file.name]
    # Once there is space again, nothing is missing.
    log.write(history(60))
    assert epochs_told(tmp_path / "tensorboard") == list(range(1, 61))
    assert (tmp_path / "log.csv").read_text().count("\n") == 61


@pytest.mark.parametrize("place", ["tensorboard", "log.csv"])
def test_something_else_in_its_place(place: str, tmp_path: Path) -> None:
    if place == "tensorboard":
        os.mkfifo(tmp_path / place)
    else:
        (tmp_path / place).mkdir()
    log, said = log_in(tmp_path)
    for epochs in range(30):
        log.write(history(epochs))
    assert said.getvalue().count("goes on without") == 1
    assert str(tmp_path / place) in said.getvalue()


def test_half_an_event_is_taken_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log, _ = log_in(tmp_path)
    log.write(history(1))
    (file,) = (tmp_path / "tensorboard").iterdir()
    before = file.read_bytes()
    with full(monkeypatch, "tensorboard"):
        log.write(history(2))
    assert file.read_bytes() == before
    log.write(history(2))
    assert epochs_told(tmp_path / "tensorboard") == [1, 2]
