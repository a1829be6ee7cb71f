"""Soft answers: how probable other networks hold each answer to each question of a set."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from askattend.batching.encoded_questions import EncodedQuestions, FloatArray, IntArray
from askattend.data.mirroring import Language
from askattend.data.vocab import AnswerVocab

# Answers kept of each question: VQA v2's 443,757 questions have 3,000 each, most all but 0.
MOST = 32


@dataclass(frozen=True)
class SoftAnswers:
    """The most probable answers to each question of a set, in its order.

    Attributes:
        index: in the answer vocabulary, questions × answers; an answer may be there twice.
        probability: of each; a question's sum to 1, or to 0 where nothing is known.
    """

    index: IntArray
    probability: FloatArray

    @classmethod
    def none(cls, questions: int, answers: int) -> SoftAnswers:
        """Make room for the soft answers to so many questions, out of so many answers."""
        shape = (questions, min(MOST, answers))
        return cls(np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.float32))

    def put(self, rows: IntArray, probability: Float[Tensor, "questions answers"]) -> None:
        """Keep the most probable answers to the questions at `rows`, scaled to sum to 1."""
        top = torch.topk(probability, self.index.shape[1], dim=1)
        self.index[rows] = top.indices.cpu().numpy()
        self.probability[rows] = normalised(top.values.float().cpu().numpy())

    def mixed(self, other: SoftAnswers, share: float) -> SoftAnswers:
        """Mix in what others answer to the same questions: (1-share)·own + share·other's."""
        return SoftAnswers(
            np.concatenate([self.index, other.index], axis=1),
            normalised(
                np.concatenate(
                    [(1 - share) * self.probability, share * other.probability], axis=1
                ).astype(np.float32)
            ),
        )

    def with_mirrored(self, mirror: IntArray) -> SoftAnswers:
        """Append the same for as many questions about mirror images.

        Args:
            mirror: the index of each answer in a mirror, see `mirror_index`.
        """
        index = mirror[self.index]
        known = np.where(index >= 0, self.probability, 0)
        return SoftAnswers(
            np.concatenate([self.index, np.maximum(index, 0)]),
            np.concatenate([self.probability, normalised(known)]),
        )

    def blend(self, encoded: EncodedQuestions, share: float) -> EncodedQuestions:
        """Give a share of each question's weight to its soft answers, as further references.

        The loss is linear in the weights, so (1-share)·hard + share·soft is one sum over all of
        them (Hinton et al. 2015, arXiv 1503.02531, section 2, at temperature 1). What a question
        weighs in all stays; one that no answer in the vocabulary was given to is learnt from its
        soft answers alone. Giving a soft answer scores nothing.
        """
        hard = encoded.answer_weight
        weight = hard.sum(axis=1, keepdims=True)
        known = self.probability.sum(axis=1, keepdims=True) > 0
        own = hard * np.where(known, 1 - share, 1).astype(np.float32)
        soft = np.where(weight > 0, share * weight, 1).astype(np.float32) * self.probability
        return replace(
            encoded,
            answer_index=np.concatenate([encoded.answer_index, self.index], axis=1),
            answer_weight=np.concatenate([own, soft], axis=1),
            answer_score=np.pad(encoded.answer_score, ((0, 0), (0, self.index.shape[1]))),
        )


def mirror_index(language: Language, answers: AnswerVocab) -> IntArray:
    """Return for each answer the index of what it is in a mirror, -1 where that has none."""
    swapped = [answers.index(language.swap(answer)) for answer in answers.answers]
    return np.array([-1 if index is None else index for index in swapped], dtype=np.int64)


def normalised(probability: FloatArray) -> FloatArray:
    """Scale each row that is not all 0 to sum to 1."""
    total = probability.sum(axis=1, keepdims=True, dtype=np.float32)
    scaled: FloatArray = np.divide(probability, np.where(total > 0, total, 1), dtype=np.float32)
    return scaled
