"""Questions as arrays: words and answers looked up once, before training starts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from askattend.data.questions import QASet, require_moderate
from askattend.data.vocab import PADDING, AnswerVocab, WordVocab
from askattend.metrics.accuracy import accuracy_of

BoolArray = np.ndarray[Any, np.dtype[np.bool_]]
IntArray = np.ndarray[Any, np.dtype[np.int64]]
FloatArray = np.ndarray[Any, np.dtype[np.float32]]


@dataclass(frozen=True)
class EncodedQuestions:
    """All questions of a set as arrays, one row a question; see `Batch` for their meaning.

    Attributes:
        images: ids of the set's images.
        image: the row of `images` that each question is about.
    """

    images: tuple[str, ...]
    image: IntArray
    tokens: IntArray
    lengths: IntArray
    answer_index: IntArray
    answer_weight: FloatArray
    answer_score: FloatArray

    @classmethod
    def encode(cls, questions: QASet, words: WordVocab, answers: AnswerVocab) -> EncodedQuestions:
        """Look up every word and answer once, before training starts.

        Raises:
            DataError: a question is longer than is allowed.
        """
        require_moderate(questions)
        images = tuple(questions.images)
        row = {image: index for index, image in enumerate(images)}
        tokens = [words.encode(question.text) for question in questions]
        references = [_references(question.answers, answers) for question in questions]
        return cls(
            images,
            np.array([row[question.image] for question in questions], dtype=np.int64),
            _padded(tokens, np.int64, filler=PADDING),
            np.array([len(words) for words in tokens], dtype=np.int64),
            _padded([[index for index, _, _ in refs] for refs in references], np.int64),
            _padded([[weight for _, weight, _ in refs] for refs in references], np.float32),
            _padded([[score for _, _, score in refs] for refs in references], np.float32),
        )


def _references(
    given: Sequence[tuple[str, int]], answers: AnswerVocab
) -> list[tuple[int, float, float]]:
    """List a question's reference answers in the vocabulary: index, weight and score of each."""
    annotators = sum(count for _, count in given)
    return [
        (index, count / annotators, accuracy_of(answers.answers[index], given))
        for index, count in answers.encode(given).items()
    ]


def _padded(rows: Sequence[Sequence[int | float]], dtype: Any, *, filler: int = 0) -> Any:
    """Put rows of any lengths into an array, filled up on the right; at least one column wide."""
    width = max((len(row) for row in rows), default=0)
    padded = np.full((len(rows), max(width, 1)), filler, dtype=dtype)
    for position, row in enumerate(rows):
        padded[position, : len(row)] = row
    return padded
