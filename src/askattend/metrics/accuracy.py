"""Accuracy: how right an answer is beside the human ones, whatever their number."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence

from askattend.data.questions import Question
from askattend.data.text import answer_key
from askattend.errors import DataError
from askattend.metrics.vqa_official import (
    CURRENT,
    NORMALIZED,
    leave_one_out,
    normalise_in_dialect,
    vqa_accuracy,
)

EXACT_MATCH = "exact match"
_ADAPTED = "adapted below 4 answers"


def accuracy_of(
    answer: str, references: Sequence[tuple[str, int]], dialect: str | None = None
) -> float:
    """Return how right an answer is, in [0, 1], by the number K of human answers.

    - K = 1: exact match, white space and case aside.
    - K ≥ 4: VQA accuracy as the official evaluator has computed it since March 2021; see
      `vqa_accuracy`.
    - K = 2, 3: the same formula with K-1 for the 3 matches that an answer needs, so that the answer
      which all gave scores 1; answers are normalised as officially, always.

    Args:
        answer: the answer given.
        references: human answers, each with how many people gave it (at least one).
        dialect: one of `vqa_official.DIALECTS`. It says what is normalised before answers are
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
        matches = _count_matches(answer, references, dialect)
        if annotators == 1:
            return float(matches)
        return leave_one_out(matches, annotators, needed=annotators - 1)
    return vqa_accuracy(answer, references, dialect or CURRENT)


def _count_matches(answer: str, references: Sequence[tuple[str, int]], dialect: str | None) -> int:
    """Count who of one to three people gave the answer."""
    several = sum(count for _, count in references) > 1
    # The current dialect would compare two or three equal answers as they are written.
    if dialect is None or (dialect == CURRENT and several):
        dialect = NORMALIZED
    normalised, counts = normalise_in_dialect(answer, references, dialect)
    return counts[normalised]


def metric_name(questions: Iterable[Question], dialect: str | None = None) -> str:
    """Name what `accuracy_of` measures on these questions.

    ``"exact match"`` where every question has one human answer at most and no dialect was asked
    for; otherwise ``"VQA accuracy, current"``, its dialect named. Where some have fewer than four,
    and so are not scored by the official formula: ``"VQA accuracy, current, adapted below 4
    answers"``.
    """
    counts = {sum(count for _, count in question.answers) for question in questions} - {0}
    return metric_of(counts, dialect)


def metric_of(annotators: Collection[int], dialect: str | None = None) -> str:
    """Name the metric by how many people answered questions; see `metric_name`."""
    if dialect is None and set(annotators) <= {1}:
        return EXACT_MATCH
    name = f"VQA accuracy, {dialect or CURRENT}"
    return f"{name}, {_ADAPTED}" if annotators and min(annotators) < 4 else name


def accuracy_label(metric: str) -> str:
    """Name an accuracy wherever people read it, in one way.

    >>> accuracy_label("exact match"), accuracy_label("VQA accuracy, current")
    ('accuracy (exact match)', 'VQA accuracy, current')
    """
    return f"accuracy ({metric})" if metric == EXACT_MATCH else metric


def mean_accuracy(answer_to: Callable[[str], str], questions: Iterable[Question]) -> float:
    """Average `accuracy_of` over the answered questions, of answers to their texts alone.

    Args:
        answer_to: the text of a question → an answer.
        questions: those without human answers are passed over.

    Raises:
        DataError: no question has an answer.
    """
    scores = [accuracy_of(answer_to(q.text), q.answers) for q in questions if q.answers]
    if not scores:
        raise DataError("no question has an answer", remedy="Use a split that has answers.")
    return sum(scores) / len(scores)
