"""Attention modules of one's own, in a network's place."""

from __future__ import annotations

from typing import Any

from jaxtyping import Float, Int
from torch import Tensor, nn

from askattend.models.kernels import expand_to_questions

# What the width of an attention's hidden layer may be called by who writes one.
HIDDEN_NAMES = ("attention_dim", "hidden_dim", "width")


class PerQuestion(nn.Module):
    """An attention of one's own that takes each question with its regions, fitted into a network.

    Args:
        attention: a module whose ``forward(regions, question)`` turns questions × regions × dim and
            questions × question_dim into scores, questions × maps × regions.
    """

    def __init__(self, attention: nn.Module) -> None:
        super().__init__()
        self.attention = attention

    def project(self, regions: Tensor) -> Tensor:
        """Return the regions as they are: nothing is known to do before the question."""
        return regions

    def forward(
        self,
        projected: Float[Tensor, "images regions dim"],
        question: Float[Tensor, "questions question_dim"],
        image_index: Int[Tensor, " questions"],
    ) -> Any:  # whose scores are for its author to get right: `askattend.check` tells
        """Copy an image's regions once a question, and score them."""
        return self.attention(expand_to_questions(projected, image_index), question)


def as_projected_attention(attention: nn.Module) -> Any:
    """Return `attention` as a network calls it.

    A module with a method ``project(regions)`` is asked as the built-in ones are:
    ``forward(project(regions), question, image_index)``, where `project` runs once an image. Any
    other is asked ``forward(regions, question)``, with regions of its own for each question.
    """
    return attention if hasattr(attention, "project") else PerQuestion(attention)
