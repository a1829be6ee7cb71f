"""Attention modules of one's own, in a network's place."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from jaxtyping import Float, Int
from torch import Tensor, nn

from askattend.models.kernels import expand_to_questions
from askattend.models.symbols import Symbol

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


def scores_of(
    attention: nn.Module, papers: type[nn.Module], scores: Symbol, maps: Symbol
) -> tuple[Symbol, Symbol]:
    """Return the symbols of an attention's scores and maps, which of one's own are not the paper's.

    Args:
        attention: as a network calls it.
        papers: the class of the paper's attention; one derived from it may compute anything.
        scores: the paper's symbol of its scores.
        maps: and of their softmax.
    """
    if type(attention) is papers:
        return scores, maps
    own = attention.attention if isinstance(attention, PerQuestion) else attention
    name = type(own).__name__
    written = f"{name}(regions, question)"
    if own is attention:
        written = f"{name}(project(regions), question)"
    meaning = (
        f"how much each map wants each region, by {name} in the place of the paper's attention"
    )
    said = f"{maps.symbol.partition(' = ')[0]} = softmax({scores.name})"
    return (
        replace(scores, symbol=written, equation="beyond the paper", meaning=meaning),
        replace(maps, symbol=said),
    )
