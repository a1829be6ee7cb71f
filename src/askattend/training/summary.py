"""The summary of a training: what ``RUN/metrics.json`` holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from askattend.data.questions import QASet
from askattend.data.splits import Splits
from askattend.environment.home import shortened
from askattend.environment.provenance import Provenance
from askattend.errors import RunError
from askattend.files import atomic_write
from askattend.files.manifest import decode_unchanged, is_expected
from askattend.training.teacher_scores import TeacherScores

SUMMARY = "metrics.json"


class PartSize(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How many questions there are, and on how many images."""

    questions: int
    images: int

    @classmethod
    def of(cls, questions: QASet) -> PartSize:
        """Count a set of questions."""
        return cls(len(questions), len({question.image for question in questions}))


class DataSummary(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Questions of a training.

    Attributes:
        train: those learnt from.
        valid: those that chose the best epoch.
        notes: what the reader and the division into both decided.
    """

    train: PartSize
    valid: PartSize
    notes: tuple[str, ...]

    @classmethod
    def of(cls, splits: Splits) -> DataSummary:
        """Count the questions of a training."""
        notes = dict.fromkeys((*splits.train.notes, *splits.notes))
        told = tuple(shortened(list(notes)))
        return cls(PartSize.of(splits.train), PartSize.of(splits.valid), told)


class TrainingSummary(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a training went.

    Attributes:
        best_epoch: whose weights were kept.
        epochs: how many there were.
        steps: in all epochs together.
        valid_accuracy: of the best epoch, 0 to 1.
        metric: name of that accuracy.
        seconds: of all epochs together; features and floors not counted.
        parameters: of the network.
        hardware: what it was trained on.
        data: its questions.
        floors: name → name for people and accuracy on the validation questions.
        teachers: accuracies of the networks that it was distilled from, if it was.
        made: the program that ended the training, and when; what began it stands in origin.json.
    """

    best_epoch: int
    epochs: int
    steps: int
    valid_accuracy: float
    metric: str
    seconds: float
    parameters: int
    hardware: str
    data: DataSummary
    floors: dict[str, Any] = {}
    teachers: TeacherScores | msgspec.UnsetType = msgspec.UNSET
    made: Provenance | None = None

    def save(self, folder: Path) -> None:
        """Write it into a run folder."""
        atomic_write(folder / SUMMARY, msgspec.json.format(msgspec.json.encode(self)))


def read_summary(folder: Path) -> TrainingSummary | None:
    """Read the summary in a run folder; None where no training has ended there.

    Raises:
        RunError: the file is unreadable.
    """
    file = folder / SUMMARY
    if not is_expected(file):
        return None
    remedy = "Train with --resume: it is written anew."
    summary: TrainingSummary = decode_unchanged(file, TrainingSummary, RunError, remedy=remedy)
    return summary
