"""Training that came to no number: which step, whose questions, and what to do about it."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from askattend.batching.batches import Batch, Batches
from askattend.batching.inference import outputs
from askattend.data.questions import Question
from askattend.errors import RunError, name_few
from askattend.models import Network
from askattend.training.processes import ALONE, Processes


class NotFinite(ArithmeticError):
    """A loss that is infinite or not a number, noticed before the weights have moved.

    Args:
        loss: the number.
    """

    def __init__(self, loss: float) -> None:
        super().__init__(f"the loss is {loss}")
        self.loss = loss


def require_finite_loss(loss: Tensor) -> None:
    """Refuse a loss that is no number, where asking costs nothing: a GPU would be waited for.

    Raises:
        NotFinite: it is infinite or not a number.
    """
    if loss.device.type == "cpu" and not math.isfinite(value := loss.item()):
        raise NotFinite(value)


class Trail:
    """The questions of the last steps, by which an error names them.

    Args:
        folder: the run's.
        batches: that are learnt from.
        most: steps that are remembered.
        processes: that train together; all make the same error, each knowing its own questions.
    """

    def __init__(
        self, folder: Path, batches: Batches, *, most: int, processes: Processes = ALONE
    ) -> None:
        self._folder, self._batches, self._processes = folder, batches, processes
        self._rows: deque[tuple[int, Tensor]] = deque(maxlen=most + 1)

    def note(self, step: int, batch: Batch) -> None:
        """Remember the questions of a step, or of a part of it."""
        self._rows.append((step, batch.question_index))

    def before(self, loss: float, step: int, model: Network, batch: Batch) -> RunError:
        """Make the error for a loss that was no number before the step moved the weights."""
        if not are_finite(model):
            return self._gradient(step - 1)
        bad = ~torch.isfinite(batch.gathered()).flatten(1).all(1)[batch.image_index]
        if bool(bad.any()):
            return self._bad_features(self._questions(batch.question_index[bad]))
        ((_, output),) = outputs(model, [batch], batch.tokens.device)
        bad = ~torch.isfinite(output.logits).all(dim=1)
        named = self._questions(batch.question_index[bad])
        return self._error(f"the loss is {loss} at step {step}", step, named)

    def after(self, loss: float, step: int) -> RunError:
        """Make the error for a loss that was looked at when the weights had moved on."""
        asked = self._with_bad_features(step)
        if asked:
            return self._bad_features(asked)
        return self._error(f"the loss is {loss} at step {step}", step)

    def validation(self, loss: float, step: int, model: Network, valid: Batches) -> RunError:
        """Make the error for a loss on validation that is no number, after so many steps."""
        if not are_finite(model):
            return self._gradient(step)
        device = next(model.parameters()).device
        named: list[Question] = []
        for batch, output in outputs(model, valid.in_order(), device):
            bad = ~torch.isfinite(output.logits).all(dim=1)
            named += [valid.questions.questions[row] for row in batch.question_index[bad].tolist()]
        return self._error(f"the loss on validation is {loss} after step {step}", step, named)

    def _gradient(self, step: int) -> RunError:
        # Infinite features may be squashed on the way to a loss, but not on the way back.
        if asked := self._with_bad_features(step):
            return self._bad_features(asked)
        return self._error(f"the gradient of step {step} is not finite", step)

    def _with_bad_features(self, step: int) -> list[Question]:
        read = self._batches.source.read
        images = list(dict.fromkeys(question.image for question in self._of(step)))
        bad = {image for image in images if not bool(torch.isfinite(read([image])).all())}
        return self._of_all([question for question in self._of(step) if question.image in bad])

    def _of(self, step: int) -> list[Question]:
        return [q for number, rows in self._rows if number == step for q in self._questions(rows)]

    def _of_all(self, own: list[Question]) -> list[Question]:
        return [question for each in self._processes.gather(own) for question in each]

    def _questions(self, rows: Tensor) -> list[Question]:
        return [self._batches.questions.questions[row] for row in rows.tolist()]

    def _error(self, problem: str, step: int, named: Sequence[Question] = ()) -> RunError:
        asked = named or self._of_all(self._of(step))
        return RunError(
            f"{problem}{_names(asked)}",
            where=self._folder,
            remedy="Begin anew, with another --out and a lower --train.learning-rate, or with "
            "--train.clip-norm 1.",
        )

    def _bad_features(self, asked: Sequence[Question]) -> RunError:
        images = dict.fromkeys(question.image for question in asked)
        return RunError(
            f"the features of {len(images):,} images are not all finite ({name_few(images)})"
            + _names(asked),
            where=self._folder,
            remedy="Extract them again, into a new store.",
        )


def are_finite(model: Network) -> bool:
    """Return True where all weights of a network are numbers."""
    return all(bool(torch.isfinite(weight).all()) for weight in model.parameters())


def _names(asked: Sequence[Question]) -> str:
    if not asked:
        return ""
    return f": questions {name_few(question.id for question in asked)} ({len(asked):,} in all)"
