"""The losses of an epoch, fetched from the device some at a time."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from askattend.errors import RunError

# Steps on a GPU between two fetches.
FETCH_EVERY = 100


class Losses:
    """The losses of an epoch's steps.

    To fetch one is to wait for a GPU, which then has nothing to do: so that is rare there, and a
    loss that is not finite is reported late, but under its own step.

    Args:
        before: steps before these.
        device: of the losses.
        explain: makes the error for a loss that is not finite, and its step; by default it names
            nothing else.
        total: sum of the losses of the epoch's questions before these.
        questions: their number.

    Attributes:
        questions: number of questions so far.
    """

    def __init__(
        self,
        *,
        before: int,
        device: torch.device,
        explain: Callable[[float, int], RunError] | None = None,
        total: float = 0.0,
        questions: int = 0,
    ) -> None:
        self.questions, self._sum, self._step = questions, total, before
        self._explain = explain or _not_finite
        self._every = 1 if device.type == "cpu" else FETCH_EVERY
        self._waiting: list[tuple[Tensor, int]] = []

    def add(self, loss: Float[Tensor, ""], questions: int) -> None:
        """Take the next step's mean loss over so many questions.

        Raises:
            RunError: a loss is not finite; names its step.
        """
        self._waiting.append((loss, questions))
        self.questions += questions
        if len(self._waiting) == self._every:
            self._fetch()

    def total(self) -> float:
        """Return the sum over all questions so far; raises as `add`."""
        self._fetch()
        return self._sum

    def mean(self) -> float:
        """Return the mean over all questions so far; raises as `add`."""
        return self.total() / self.questions

    def _fetch(self) -> None:
        waiting, self._waiting = self._waiting, []
        values = torch.stack([loss for loss, _ in waiting]).tolist() if waiting else []
        for value, (_, questions) in zip(values, waiting, strict=True):
            self._step += 1
            if not math.isfinite(value):
                raise self._explain(value, self._step)
            self._sum += value * questions


def _not_finite(loss: float, step: int) -> RunError:
    return RunError(f"the loss is {loss} at step {step}", where="training")
