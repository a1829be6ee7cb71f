"""Accuracy, and the floors that a model has to clear without looking at the image."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from askattend.data.questions import QASet, Question
from askattend.data.text import answer_key, tokenise
from askattend.data.vocab import (
    count_spellings,
    key_counts,
    most_common_first,
    usual_spelling,
)
from askattend.errors import DataError
from askattend.metrics.vqa_official import CURRENT, compared, leave_one_out, vqa_accuracy

PREFIX_WORDS = 3
EXACT_MATCH = "exact match"
_ADAPTED = "adapted below 4 answers"


def accuracy_of(
    answer: str, references: Sequence[tuple[str, int]], dialect: str | None = None
) -> float:
    """How right an answer is, in [0, 1], by the number K of human answers.

    - K = 1: exact match, white space and case aside.
    - K ≥ 4: VQA accuracy as the official evaluator has computed it since March 2021; see
      `vqa_accuracy`.
    - K = 2, 3: the same formula with K-1 for the 3 matches that an answer needs, so that the answer
      which all gave scores 1; answers are normalised as officially, always.

    Args:
        answer: the answer given.
        references: human answers, each with how many people gave it (at least one).
        dialect: one of `vqa_accuracy.DIALECTS`. It says what is normalised before answers are
            compared, also where K < 4; an answer needs one match where K = 1. (The evaluator
            itself would score 0 there, whatever the answer.)

    Raises:
        ConfigError: there is no such dialect.
        DataError: there are no references.
    """
    annotators = sum(count for _, count in references)
    if annotators == 1 and dialect is None:
        return float(answer_key(answer) == answer_key(references[0][0]))
    if annotators in (1, 2, 3):
        matches = _matches(answer, references, dialect)
        if annotators == 1:
            return float(matches)
        return leave_one_out(matches, annotators, needed=annotators - 1)
    return vqa_accuracy(answer, references, dialect or CURRENT)


def _matches(answer: str, references: Sequence[tuple[str, int]], dialect: str | None) -> int:
    """How many of a few people gave the answer; two or three always normalised in ``current``."""
    several = sum(count for _, count in references) > 1
    if dialect is None or (dialect == CURRENT and several):
        dialect = "normalized"
    given, counts = compared(answer, references, dialect)
    return counts[given]


def metric_name(questions: Iterable[Question], dialect: str | None = None) -> str:
    """What `accuracy_of` measures on these questions.

    ``"exact match"`` where every question has one human answer at most and no dialect was asked
    for; otherwise ``"VQA accuracy, current"``, its dialect named. Where some have fewer than four,
    and so are not scored by the official formula: ``"VQA accuracy, current, adapted below 4
    answers"``.
    """
    answers = {sum(count for _, count in question.answers) for question in questions} - {0}
    if dialect is None and answers <= {1}:
        return EXACT_MATCH
    name = f"VQA accuracy, {dialect or CURRENT}"
    return f"{name}, {_ADAPTED}" if answers and min(answers) < 4 else name


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
        written = usual_spelling(count_spellings(questions))
        by_prefix: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for question in questions:
            counts = key_counts(question.answers)
            for start in _starts(question.text) if counts else ():
                by_prefix[start].update(counts)
        if not by_prefix:
            raise DataError("no question has an answer", remedy="Use a split that has answers.")
        prefix = {
            start: written[most_common_first(counts)[0]] for start, counts in by_prefix.items()
        }
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
