"""Accuracy, and the floors that a model has to clear without looking at the image."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from askattend.data.questions import QASet, Question
from askattend.data.text import answer_key, tokenise
from askattend.data.vocab import key_counts, most_common_first
from askattend.errors import DataError

PREFIX_WORDS = 3


def accuracy_of(answer: str, references: Sequence[tuple[str, int]]) -> float:
    """How right an answer is, in [0, 1].

    With K human answers, of which n equal `answer` (by `answer_key`):

    - K = 1: exact match, n.
    - K > 1: VQA accuracy (Antol et al. 2015), the mean over the K ways to leave one annotator out
      of min(1, matches among the others / min(3, K-1)). An annotator who gave `answer` leaves n-1
      matches, any other leaves n, hence the closed form

          [n·min(1, (n-1)/m) + (K-n)·min(1, n/m)] / K   with m = min(3, K-1).

      From four annotators on, m = 3 and this is the official formula; for two or three, m is such
      that the answer they all gave scores 1. The official evaluator also rewrites punctuation,
      articles and number words before it compares; this does not.

    Args:
        answer: the answer given.
        references: human answers, each with how many people gave it (at least one).

    Raises:
        DataError: there are no references.
    """
    counts = key_counts(references)
    annotators, matches = counts.total(), counts[answer_key(answer)]
    if annotators == 0:
        raise DataError(
            "the question has no reference answer to compare with",
            remedy="Evaluate on a split that has answers.",
        )
    if annotators == 1:
        return float(matches)
    needed = min(3, annotators - 1)
    of_same = matches * min(1.0, (matches - 1) / needed)
    of_others = (annotators - matches) * min(1.0, matches / needed)
    return (of_same + of_others) / annotators


def metric_name(questions: Iterable[Question]) -> str:
    """What `accuracy_of` measures on these questions: ``"exact match"`` or ``"VQA accuracy"``.

    It is exact match where every question has one human answer at most.
    """
    several = any(sum(count for _, count in question.answers) > 1 for question in questions)
    return "VQA accuracy" if several else "exact match"


def mean_accuracy(reply: Callable[[str], str], questions: Iterable[Question]) -> float:
    """Mean of `accuracy_of` over the answered questions, for a reply to the question's text alone.

    Raises:
        DataError: no question has an answer.
    """
    scores = [accuracy_of(reply(q.text), q.answers) for q in questions if q.answers]
    if not scores:
        raise DataError("no question has an answer", remedy="Use a split that has answers.")
    return sum(scores) / len(scores)


@dataclass(frozen=True)
class Floors:
    """Two ways of answering without the image, learnt from the training questions.

    Attributes:
        majority: the most common human answer, as an `answer_key`.
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
        by_prefix: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for question in train:
            counts = key_counts(question.answers)
            for start in _starts(question.text) if counts else ():
                by_prefix[start].update(counts)
        if not by_prefix:
            raise DataError("no question has an answer", remedy="Use a split that has answers.")
        prefix = {start: most_common_first(counts)[0] for start, counts in by_prefix.items()}
        return cls(prefix[""], prefix)

    def by_prefix(self, question: str) -> str:
        """The answer for the longest start seen in training: three words, two, one, none."""
        return next(self.prefix[start] for start in _starts(question) if start in self.prefix)

    def accuracy(self, test: Sequence[Question] | QASet) -> dict[str, float]:
        """What each scores on `test`, 0 to 1.

        Returns:
            ``"majority"``: always the most common training answer; ``"prefix"``: the most common
            training answer for the question's first words.

        Raises:
            DataError: no question of `test` has an answer.
        """
        return {
            "majority": mean_accuracy(lambda _: self.majority, test),
            "prefix": mean_accuracy(self.by_prefix, test),
        }


def _starts(question: str) -> list[str]:
    """The first three words, two, one, none; a word has no space in it: joining loses nothing."""
    words = tokenise(question)[:PREFIX_WORDS]
    return [" ".join(words[:count]) for count in range(len(words), -1, -1)]
