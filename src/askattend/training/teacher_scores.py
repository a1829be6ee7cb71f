"""Scores of the networks that a run was distilled from, as its summary keeps them."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from askattend.training.history import TrainingHistory


class TeacherScores(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Accuracies of the networks that a run's own was distilled from, on validation, 0 to 1.

    Attributes:
        valid_accuracy: of every one alone, at its best epoch; none where a floor alone teaches.
        mean: of these.
        ensemble: of their mean probabilities.
        seconds: that training them all took.
        floor: the linear floor's name, if it teaches, too.
        crossed: questions that it learnt from teachers alone, asked of other images.
    """

    valid_accuracy: tuple[float, ...] = ()
    mean: float = 0.0
    ensemble: float = 0.0
    seconds: float = 0.0
    floor: str = ""
    crossed: int = 0

    @classmethod
    def of(cls, histories: Sequence[TrainingHistory], *, ensemble: float) -> TeacherScores:
        """Gather them from the trainings, of at least one epoch each."""
        best = [history.best.valid_accuracy for history in histories if history.best is not None]
        seconds = sum(epoch.seconds for history in histories for epoch in history.epochs)
        return cls(tuple(best), sum(best) / len(best), ensemble, seconds)
