"""The history of a training: an epoch a row, and whose weights are kept."""

from __future__ import annotations

from typing import Literal

import msgspec

from askattend.errors import RunError
from askattend.files import decode_json
from askattend.runs.run_folder import WEIGHTS, Run
from askattend.settings import Natural, Positive

KeptEpoch = Literal["best", "last"]


class Epoch(msgspec.Struct, frozen=True):
    """One row of log.csv."""

    epoch: Positive
    step: Positive
    learning_rate: float
    train_loss: float
    valid_loss: float
    valid_accuracy: float
    seconds: float
    questions_per_second: float

    @property
    def merit(self) -> tuple[float, float]:
        """The key by which epochs are ranked: accuracy, then the loss on validation."""
        return self.valid_accuracy, -self.valid_loss


class TrainingHistory(msgspec.Struct, frozen=True):
    """The epochs of a training so far.

    Attributes:
        epochs: in order.
        metric: name of the accuracy on validation.
        keep: which epoch's weights are kept.
    """

    epochs: tuple[Epoch, ...] = ()
    metric: str = ""
    keep: KeptEpoch = "best"

    @property
    def best(self) -> Epoch | None:
        """The epoch whose weights are kept: the last one so far, where that was settled beforehand.

        Else that of the highest validation accuracy; of several, that of the lowest loss.
        """
        if self.keep == "last":
            return self.epochs[-1] if self.epochs else None
        return max(self.epochs, key=lambda epoch: epoch.merit, default=None)

    def finished(self, *, epochs: int, patience: int) -> bool:
        """Return True when all epochs are done, or patience is at its end.

        Patience waits for accuracy alone: the loss of a set that is all right falls for ever.
        """
        if not self.epochs:
            return False
        # Of several epochs of the highest accuracy, the first.
        most_accurate = max(self.epochs, key=lambda epoch: epoch.valid_accuracy)
        done = self.epochs[-1].epoch
        return done >= epochs or 0 < patience <= done - most_accurate.epoch


class WithinEpoch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An epoch that is not done.

    Attributes:
        step: its steps so far.
        loss: sum of the losses of their questions.
        questions: their number.
        seconds: that they took.
    """

    step: Natural
    loss: float
    questions: Natural
    seconds: float


class Progress(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """State beside the last weights.

    Attributes:
        history: whole epochs.
        within: the one that they are in the middle of.
        without_moments: parameters that the optimizer keeps nothing of, such as one without a
            gradient.
    """

    history: TrainingHistory
    within: WithinEpoch | None = None
    without_moments: tuple[str, ...] = ()


def read_progress(run: Run) -> Progress:
    """Read how far the training of a run has come, to the step; raises as `read_history`."""
    state = run.progress_state()
    return Progress(TrainingHistory()) if state is None else decode_progress(state, run)


def read_history(run: Run) -> TrainingHistory:
    """Read the whole epochs of a run's training; empty if it has no last weights.

    Raises:
        RunError: the last weights are unreadable.
    """
    return read_progress(run).history


def decode_progress(state: bytes, run: Run) -> Progress:
    """Read the JSON that stands in the metadata of the last weights.

    Raises:
        RunError: it is malformed.
    """
    try:
        return decode_json(state, Progress)
    except msgspec.DecodeError as error:
        file = run.folder / WEIGHTS["last"]
        remedy = "Copy the whole run folder, or train into another --out."
        raise RunError(f"its state is unreadable ({error})", where=file, remedy=remedy) from None
