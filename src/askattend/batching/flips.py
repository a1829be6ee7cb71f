"""Mirror images drawn while training, with questions in which left and right are swapped."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from msgspec.structs import replace as replace_struct

from askattend.batching.encoded_questions import BoolArray, EncodedQuestions, IntArray
from askattend.data.mirroring import LANGUAGES, Language, language_of, mirrored
from askattend.data.questions import QASet
from askattend.data.vocab import AnswerVocab, WordVocab
from askattend.errors import ConfigError
from askattend.features.images import MIRROR_IMAGE


def require_language(questions: QASet) -> Language:
    """Find the language of questions, in which a mirror swaps words.

    Raises:
        ConfigError: it is not known here.
    """
    language = language_of(questions.questions)
    if language is None:
        known = ", ".join(language.name for language in LANGUAGES)
        raise ConfigError(
            f"most questions are in none of the languages known here ({known}), so that 'left' and "
            "'right' cannot be swapped",
            where="train.flips",
            remedy="Leave it at 0.",
        )
    return language


@dataclass(frozen=True)
class Flips:
    """A set's questions, and the same about mirror images.

    An image is not flipped if of any of its questions it is not certain what they are in a mirror,
    or if the model could give the answer but not the swapped one.

    Attributes:
        encoded: the questions in their order, then as many about mirror images.
        allowed: True for images that may be flipped, by their row in `encoded`.
        probability: that one is, in a batch.
    """

    encoded: EncodedQuestions
    allowed: BoolArray
    probability: float

    @classmethod
    def of(
        cls,
        questions: QASet,
        language: Language,
        words: WordVocab,
        answers: AnswerVocab,
        *,
        probability: float,
    ) -> Flips:
        """Mirror every question of a set that can be."""
        images = {f"{MIRROR_IMAGE}{image}": file for image, file in questions.images.items()}
        others = [mirrored(q, language, f"{MIRROR_IMAGE}{q.image}") for q in questions]
        # Where there is none its place is taken by the question itself, which is never drawn.
        filled = tuple(
            replace_struct(question, image=f"{MIRROR_IMAGE}{question.image}")
            if other is None
            else other
            for question, other in zip(questions, others, strict=True)
        )
        both = replace(
            questions,
            questions=(*questions, *filled),
            images={**questions.images, **images},
        )
        encoded = EncodedQuestions.encode(both, words, answers)
        original, mirror = np.split(encoded.answer_weight.sum(axis=1) > 0, 2)
        certain = np.array([other is not None for other in others], dtype=bool)
        allowed = np.ones(len(both.images), dtype=bool)
        np.logical_and.at(allowed, encoded.image[: len(others)], certain & (mirror | ~original))
        return cls(encoded, allowed, probability)

    @property
    def images(self) -> tuple[str, ...]:
        """The mirror images that may be drawn."""
        half = len(self.encoded.images) // 2
        return tuple(
            image
            for image, allowed in zip(self.encoded.images[half:], self.allowed[:half], strict=True)
            if allowed
        )

    def draw(self, question_index: IntArray, rng: np.random.Generator) -> IntArray:
        """Return the row in `encoded` of each question of a batch; an image's flip together."""
        images, row = np.unique(self.encoded.image[question_index], return_inverse=True)
        flipped = (rng.random(len(images)) < self.probability) & self.allowed[images]
        return question_index + len(self.encoded.image) // 2 * flipped[row]
