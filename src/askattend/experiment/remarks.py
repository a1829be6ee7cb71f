"""Notes of a training: on its questions before the first epoch, on its run after the last."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from rich.console import Console

from askattend.data.look_alikes import alike_answers
from askattend.data.questions import QASet
from askattend.data.splits import Splits, no_test_note, odd_splits, split_names
from askattend.environment.console import print_line
from askattend.environment.heartbeat import still_at_work
from askattend.experiment.config import Config
from askattend.experiment.features import uses_image
from askattend.experiment.floors import FloorAccuracy, floors_remark
from askattend.metrics.accuracy import accuracy_label
from askattend.metrics.image_copies import copies_notes, find_copies, images_by_split
from askattend.runs.run_folder import Run
from askattend.training.history import TrainingHistory


def data_notes(
    config: Config[Any], questions: QASet, splits: Splits, console: Console
) -> tuple[str, ...]:
    """Make notes on what is odd about questions, or leaves something to be wished.

    Args:
        config: of the training.
        questions: all of the source.
        splits: those to train and to validate on.
        console: says after a while what is being looked at.
    """
    return (
        *odd_splits(questions, split_names(config.vocab.train_on)),
        *no_test_note(questions),
        *alike_answers(questions),
        *(_copies(questions, splits, console) if uses_image(config.model) else ()),
    )


def _copies(questions: QASet, splits: Splits, console: Console) -> tuple[str, ...]:
    """Make notes on pictures that training shares with validation, or with another split."""
    parts = {"train": splits.train.images, "validation": splits.valid.images}
    learnt = {**splits.train.images, **splits.valid.images}
    if splits.train.images.keys() == splits.valid.images.keys():  # said already
        del parts["validation"]
    for name, images in images_by_split(questions, questions.images).items():
        if apart := {image: file for image, file in images.items() if image not in learnt}:
            parts[name] = apart
    there = {n: {i: f for i, f in each.items() if f.is_file()} for n, each in parts.items()}
    with still_at_work(console, "looking for pictures that splits share"):
        return copies_notes(find_copies(there))


def conclude(
    run: Run,
    history: TrainingHistory,
    floors: Mapping[str, FloorAccuracy],
    console: Console,
    *,
    tested: bool,
) -> None:
    """Say how good the best epoch was, whether it beats the floors, and what may follow."""
    best = history.best
    assert best is not None, "training runs for at least one epoch"
    print_line(
        console,
        f"{history.keep}: epoch {best.epoch}, validation {accuracy_label(history.metric)} "
        f"{best.valid_accuracy:.2%}. The run is in {run.folder}",
    )
    if remark := floors_remark(run, history, floors):
        print_line(console, f"note: {remark}")
    folder = shlex.quote(str(run.folder))
    split = "" if tested else " --split valid"
    print_line(console, f"next: askattend evaluate {folder}{split}")
    if run.suggestions:
        question = shlex.quote(run.suggestions[0])
        print_line(console, f"      askattend ask {folder} IMAGE {question}")
