"""Log of a training: a progress bar and a line an epoch, log.csv, TensorBoard's events."""

from __future__ import annotations

import csv
import io
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from tensorboardX.proto.event_pb2 import Event
from tensorboardX.summary import scalar

from askattend.environment.console import print_line
from askattend.files import append, atomic_write
from askattend.training.events import as_record, event, write_events
from askattend.training.history import Epoch, TrainingHistory

TENSORBOARD = "tensorboard"


def progress_bar(console: Console) -> Progress:
    """Make a bar of steps that vanishes when it is done."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("steps"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        # Where nobody sees it move, it would leave nothing but an empty line.
        disable=not console.is_interactive,
    )


class TrainingLog:
    """The history of a training in log.csv and in TensorBoard's events.

    Both can be made again from the history, so that a training goes on where they cannot be
    written, and resumed has each epoch once, whenever it was killed.

    Args:
        folder: the run's.
        console: where it is said that one cannot be written.
    """

    def __init__(self, folder: Path, console: Console) -> None:
        self._folder, self._console = folder, console
        self._events: Path | None = None  # once it holds all epochs so far
        self._lost: set[str] = set()

    def write(self, history: TrainingHistory) -> None:
        """Write all epochs, of which the last may be new."""
        with noting_loss(self._console, "log.csv", self._lost):
            atomic_write(self._folder / "log.csv", _table(history))
        # Until it is written, the next call begins anew.
        events, self._events = self._events, None
        with noting_loss(self._console, "TensorBoard's events", self._lost):
            if events is None:
                began = time.time() - sum(epoch.seconds for epoch in history.epochs)
                events = write_events(self._folder / TENSORBOARD, _events(history, began))
            elif history.epochs:
                append(events, b"".join(map(as_record, _epoch_events(history.epochs[-1]))))
            self._events = events


@contextmanager
def noting_loss(console: Console, what: str, noted: set[str] | None = None) -> Iterator[None]:
    """Go on where something beside a training cannot be written, and say so.

    Args:
        console: where.
        what: its name.
        noted: the names of what was said to be lost, once a training.
    """
    noted = set() if noted is None else noted
    try:
        yield
    except OSError as error:
        if what not in noted:
            reason = f"{error.filename or ''}: {error.strerror or error}".removeprefix(": ")
            note = f"note: the training goes on without {what}, which cannot be written ({reason})"
            print_line(console, note)
        noted.add(what)


def _table(history: TrainingHistory) -> bytes:
    text = io.StringIO()
    table = csv.DictWriter(text, Epoch.__struct_fields__, lineterminator="\n")
    table.writeheader()
    table.writerows(msgspec.structs.asdict(epoch) for epoch in history.epochs)
    return text.getvalue().encode()


def _events(history: TrainingHistory, began: float) -> Iterator[Event]:
    """Make the events of all epochs, at the times of a training without a break."""
    for epoch in history.epochs:
        began += epoch.seconds
        yield from _epoch_events(epoch, began)


def _epoch_events(epoch: Epoch, at: float | None = None) -> Iterator[Event]:
    for name, value in msgspec.structs.asdict(epoch).items():
        if name != "step":
            # TensorBoard groups by what stands before a slash: training's and validation's loss.
            tag = re.sub(r"^(train|valid)_", r"\1/", name)
            yield event(scalar(tag, value), epoch.step, at)


def epoch_line(epoch: Epoch, *, best: bool) -> str:
    """Describe an epoch in one line; a star marks the best so far."""
    return (
        f"epoch {epoch.epoch:>3}  loss {epoch.train_loss:.4f}  "
        f"validation loss {epoch.valid_loss:.4f}  accuracy {epoch.valid_accuracy:7.2%}"
        f"{' *' if best else '  '}  {epoch.seconds:.1f} s  "
        f"{epoch.questions_per_second:,.0f} questions/s"
    )
