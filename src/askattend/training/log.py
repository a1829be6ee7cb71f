"""Log of a training: a progress bar and a line an epoch, log.csv, TensorBoard's events."""

from __future__ import annotations

import csv
import io
import re
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
from tensorboardX import SummaryWriter

from askattend.files import atomic_write
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


def tensorboard_writer(folder: Path, *, steps: int) -> SummaryWriter:
    """Make a writer of events that go on after so many steps.

    TensorBoard then drops what an interrupted training logged after its last whole epoch.
    """
    return SummaryWriter(str(folder / TENSORBOARD), purge_step=steps + 1)


def log_epoch(folder: Path, history: TrainingHistory, writer: SummaryWriter) -> None:
    """Rewrite log.csv, so that a resumed run has no row twice; add the last epoch's events."""
    rows = [msgspec.structs.asdict(epoch) for epoch in history.epochs]
    text = io.StringIO()
    table = csv.DictWriter(text, Epoch.__struct_fields__, lineterminator="\n")
    table.writeheader()
    table.writerows(rows)
    atomic_write(folder / "log.csv", text.getvalue().encode())
    latest = rows[-1]
    step = latest.pop("step")
    for name, value in latest.items():
        # TensorBoard groups by what stands before a slash: training's and validation's loss.
        writer.add_scalar(re.sub(r"^(train|valid)_", r"\1/", name), value, step)


def epoch_line(epoch: Epoch, *, best: bool) -> str:
    """Describe an epoch in one line; a star marks the best so far."""
    return (
        f"epoch {epoch.epoch:>3}  loss {epoch.train_loss:.4f}  "
        f"validation loss {epoch.valid_loss:.4f}  accuracy {epoch.valid_accuracy:7.2%}"
        f"{' *' if best else '  '}  {epoch.seconds:.1f} s  "
        f"{epoch.questions_per_second:,.0f} questions/s"
    )
