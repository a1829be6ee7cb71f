"""Gradients that training needs, from a forward and a backward pass."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeVar

from askattend.byhand.arrays import FloatArray, IntArray, Weights, expect_answers
from askattend.byhand.layers import answer_loss, answer_loss_backward


class Output(Protocol):
    """Whatever a forward pass returns, as long as there are logits in it."""

    @property
    def logits(self) -> FloatArray:
        """Unnormalised log-probabilities, questions × answers."""


O = TypeVar("O", bound=Output)  # noqa: E741


def gradients_of(
    forward: Callable[..., O],
    backward: Callable[[Mapping[str, FloatArray], O, FloatArray], tuple[Weights, FloatArray]],
) -> Callable[..., tuple[float, Weights]]:
    """Join a network's two passes with the loss between them.

    Args:
        forward: weights and batch → output.
        backward: weights, output and ∂L/∂logits → the gradients of weights and regions.
    """

    def gradients(
        weights: Mapping[str, FloatArray],
        *batch: Any,
        answer_index: IntArray,
        answer_weight: FloatArray,
        **named: Any,
    ) -> tuple[float, Weights]:
        """Return the loss on a batch, and its gradient in every weight.

        Args:
            weights: under the names of the PyTorch network's ``state_dict()``.
            batch: regions, tokens, lengths and image_index, as in the forward pass.
            answer_index: the distinct reference answers, questions × references.
            answer_weight: the share of annotators who gave each; 0 where padded.
            named: those of the batch that are given by name.

        Raises:
            ShapeError: a weight is missing, or an array does not fit; the message names it.
        """
        output = forward(weights, *batch, **named)
        questions, answers = output.logits.shape
        expect_answers(answer_index, answer_weight, questions=questions, answers=answers)
        loss = answer_loss(output.logits, answer_index, answer_weight)
        dlogits = answer_loss_backward(output.logits, answer_index, answer_weight)
        weight_gradients, _ = backward(weights, output, dlogits)
        return loss, weight_gradients

    return gradients
