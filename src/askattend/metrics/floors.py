"""The floors that a model has to clear: accuracy without a look at the image."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from askattend.data.questions import QASet, Question
from askattend.data.text import tokenise
from askattend.data.vocab import (
    count_spellings,
    key_counts,
    most_common_first,
    usual_spelling,
)
from askattend.errors import DataError
from askattend.metrics.accuracy import mean_accuracy

PREFIX_WORDS = 3


@dataclass(frozen=True)
class Floors:
    """Two ways of answering without the image, learnt from the training questions.

    Attributes:
        majority: the most common human answer, in its usual spelling.
        prefix: the first words of training questions, three at most, joined by a space → the most
            common human answer to all questions that start so; ``""`` stands for all questions.
    """

    majority: str
    prefix: Mapping[str, str]

    @classmethod
    def build(cls, train: Iterable[Question]) -> Floors:
        """Learn both from `train`; of equally common answers, the first in the alphabet counts.

        Raises:
            DataError: no question has an answer.
        """
        questions = tuple(train)
        spelling = usual_spelling(count_spellings(questions))
        answers_by_prefix: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for question in questions:
            counts = key_counts(question.answers)
            # Without an answer a question must not add a prefix that has none to give.
            for prefix in _prefixes(question.text) if counts else ():
                answers_by_prefix[prefix].update(counts)
        if not answers_by_prefix:
            raise DataError("no question has an answer", remedy="Use a split that has answers.")
        usual = {
            prefix: spelling[most_common_first(counts)[0]]
            for prefix, counts in answers_by_prefix.items()
        }
        return cls(usual[""], usual)

    def answer_by_prefix(self, question: str) -> str:
        """Return the answer to the longest prefix seen in training: three words, two, one, none."""
        return next(self.prefix[start] for start in _prefixes(question) if start in self.prefix)

    def accuracy(self, test: Sequence[Question] | QASet) -> dict[str, float]:
        """Score both on `test`, 0 to 1.

        Returns:
            ``"majority"``: always the most common training answer; ``"prefix"``: the most common
            training answer for the question's first words.

        Raises:
            DataError: no question of `test` has an answer.
        """
        return {
            "majority": mean_accuracy(lambda _: self.majority, test),
            "prefix": mean_accuracy(self.answer_by_prefix, test),
        }


def _prefixes(question: str) -> list[str]:
    """List the first three words, two, one, none; no word has a space: joining loses nothing."""
    words = tokenise(question)[:PREFIX_WORDS]
    return [" ".join(words[:count]) for count in range(len(words), -1, -1)]
