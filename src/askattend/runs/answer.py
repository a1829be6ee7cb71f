"""An answer, with all that is known of it."""

from __future__ import annotations

from dataclasses import dataclass, field

from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True)
class Answer:
    """An answer: its text, how sure the model is, and where it looked.

    Attributes:
        question: as it was asked.
        text: the most probable answer.
        probability: its probability, 0 to 1.
        top: the most probable answers with their probabilities, falling; `text` comes first.
        attention: one map a glimpse or hop, edited ones as they were pooled with; each sums to 1
            over rows and columns, row 0 on top.
        sure: True where the probability is high enough for the risk that the run was told to stay
            below (always, if it was told none), and the question has a word that the model knows.
        unknown_words: the question's words that the answer cannot rest on, since they were in no
            training question and have no vector; each once, in the question's order.
    """

    question: str
    text: str
    probability: float
    top: tuple[tuple[str, float], ...]
    attention: Float[Tensor, "maps rows columns"] = field(repr=False)
    sure: bool = True
    unknown_words: tuple[str, ...] = ()

    @property
    def said(self) -> str:
        """The answer as it is told to people: ``"not sure; perhaps red"`` where it is not sure."""
        return self.text if self.sure else f"not sure; perhaps {self.text}"
