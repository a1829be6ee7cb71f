"""An image that has been looked at, to be asked any number of questions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from PIL import Image

from askattend.features.geometry import Crop
from askattend.models import ImageEncoding
from askattend.runs.answer import Answer
from askattend.runs.answerer import Answerer
from askattend.runs.word_effects import WordEffect


@dataclass(frozen=True)
class Scene:
    """An image that has been looked at.

    Attributes:
        image: upright, RGB.
        seen: the part of the image that the backbone saw, which attention maps lie over.
    """

    image: Image.Image
    seen: Crop
    _encoded: ImageEncoding = field(repr=False)
    _answerer: Answerer = field(repr=False)

    def ask(self, question: str, *, top: int = 5, edited: Any = None) -> Answer:
        """Answer one question.

        Args:
            question: in words.
            top: how many answers to list.
            edited: attention maps to pool with in the place of the network's own: maps × rows ×
                columns, as a tensor, an array or nested lists, from 0 on; they are scaled to sum
                to 1. In a list, None stands for a map that is left to the network. A later hop of
                SAN's that is left to it follows from what the edited ones before it saw.

        Raises:
            DataError: the question has no word in it; or the edited maps do not fit, or the
                network does not attend.
        """
        return self.ask_all([question], top=top, edited=edited)[0]

    def ask_all(
        self, questions: Sequence[str], *, top: int = 5, edited: Any = None
    ) -> list[Answer]:
        """Answer several questions in one pass; `edited` serves them all, see `ask`.

        Raises:
            DataError: as `ask`.
        """
        self._answerer.need_words(questions)
        image_index = [0] * len(questions)
        return self._answerer.answer(self._encoded, image_index, questions, top=top, edited=edited)

    def word_effects(self, question: str) -> list[WordEffect]:
        """Measure how much the answer's probability falls without each word of the question.

        A lone word is replaced by the unknown word.

        Raises:
            DataError: the question has no word in it.
        """
        return self._answerer.word_effects(self._encoded, question)
