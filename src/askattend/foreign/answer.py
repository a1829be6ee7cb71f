"""An answer in a foreign model's own words, and what is asked for one."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from askattend.data.questions import Question

# Asked of a model that follows instructions; published figures are by such words (Liu et al. 2023,
# "Improved Baselines with Visual Instruction Tuning", arXiv 2310.03744).
SHORT = "{question}\nAnswer the question using a single word or phrase."
QUESTION = "{question}"
# Tokens that an answer may have: of VQA's, hardly one has more than ten.
MOST_TOKENS = 32
# Questions that a model is asked at once.
TOGETHER = 8


class ForeignAnswer(msgspec.Struct, frozen=True):
    """An answer.

    Attributes:
        text: as the model said it, without surrounding white space.
        probability: that of the whole text, 0 to 1; None where the model does not tell.
    """

    text: str
    probability: float | None = None


# Asked with some questions, it gives an answer to each.
Ask = Callable[[Sequence[Question]], Sequence[ForeignAnswer]]


def prompt_of(template: str, question: str) -> str:
    """Put a question into a prompt; braces of either stay as they are."""
    return template.replace(QUESTION, question)
