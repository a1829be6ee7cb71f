"""How far a training has come: an epoch a row, and which was the best."""

from __future__ import annotations

import msgspec

from askattend.runs.run_folder import Run


class Epoch(msgspec.Struct, frozen=True):
    """One row of log.csv."""

    epoch: int
    step: int
    learning_rate: float
    train_loss: float
    valid_loss: float
    valid_accuracy: float
    seconds: float
    questions_per_second: float

    @property
    def merit(self) -> tuple[float, float]:
        """What makes an epoch better than another: its accuracy, then its loss on validation."""
        return self.valid_accuracy, -self.valid_loss


class Progression(msgspec.Struct, frozen=True):
    """How far training has come.

    Attributes:
        history: the epochs so far.
        metric: what their accuracy is, by name; empty where an earlier version did not tell.
    """

    history: tuple[Epoch, ...] = ()
    metric: str = ""

    @property
    def best(self) -> Epoch | None:
        """The epoch of the highest validation accuracy; of several, that of the lowest loss."""
        return max(self.history, key=lambda epoch: epoch.merit, default=None)

    @property
    def _most_accurate(self) -> Epoch:
        return max(self.history, key=lambda epoch: epoch.valid_accuracy)  # the first of several

    def finished(self, *, epochs: int, patience: int) -> bool:
        """Whether all epochs are done, or patience is at its end.

        Patience waits for accuracy alone: the loss of a set that is all right falls for ever.
        """
        if not self.history:
            return False
        waited = self.history[-1].epoch - self._most_accurate.epoch
        return self.history[-1].epoch >= epochs or 0 < patience <= waited


def read_progression(run: Run) -> Progression:
    """How far the training of a run folder has come; empty if it has no last weights.

    Raises:
        RunError: the last weights are unreadable.
    """
    state = run.progress_state()
    return Progression() if state is None else msgspec.json.decode(state, type=Progression)
