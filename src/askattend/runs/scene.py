"""An image that has been looked at, to be asked any number of questions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from PIL import Image

from askattend.features.geometry import Crop
from askattend.models import ImageEncoding
from askattend.runs.answer import Answer
from askattend.runs.answerer import Answerer
from askattend.runs.asking import answers_to_list, one_question, several_questions
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
            DataError: the question is not one, or has no word in it; or the edited maps do not fit,
                or the network does not attend.
        """
        return self.ask_all([one_question(question)], top=top, edited=edited)[0]

    def ask_all(
        self, questions: Iterable[str], *, top: int = 5, edited: Any = None
    ) -> list[Answer]:
        """Answer several questions in one pass; `edited` serves them all, see `ask`.

        Raises:
            DataError: as `ask`.
        """
        listed, top = several_questions(questions), answers_to_list(top)
        self._answerer.need_words(listed)
        index = [0] * len(listed)
        answers = self._answerer.answer(self._encoded, index, listed, top=top, edited=edited)
        maps_name = self._answerer.maps_name
        return [
            replace(answer, image=self.image, seen=self.seen, maps_name=maps_name)
            for answer in answers
        ]

    def word_effects(self, question: str) -> list[WordEffect]:
        """Measure how much the answer's probability falls without each word of the question.

        A lone word is replaced by the unknown word.

        Raises:
            DataError: the question is not one, or has no word in it.
        """
        return self._answerer.word_effects(self._encoded, one_question(question))
