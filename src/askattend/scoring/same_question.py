"""Proof that what stands under one id is the same question about the same image."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from askattend.data.questions import QASet, QuestionId
from askattend.errors import DataError
from askattend.metrics.scored_answer import ScoredAnswer

Answers = Iterable[ScoredAnswer]


def difference(one: ScoredAnswer, other: ScoredAnswer) -> str | None:
    """Say how two answers under one id are not to the same question; None where they are.

    What one of the two does not tell is not compared. Human answers may stand in any order.
    """
    if (one.score is None) != (other.score is None):
        return "only one has human answers"
    if one.references is not None and other.references is not None:
        ours, theirs = dict(one.references), dict(other.references)
        if ours != theirs:
            asked = asked_differently(one, other)
            return asked or f"human answers {_listed(ours)} and {_listed(theirs)}"
    return asked_differently(one, other)


def asked_differently(one: ScoredAnswer, other: ScoredAnswer) -> str | None:
    """Say how text or image differ; None where they do not, or are not known."""
    if None not in (one.question, other.question) and one.question != other.question:
        return f"{one.question!r} and {other.question!r}"
    if one.image != other.image:
        return f"about the images {one.image!r} and {other.image!r}"
    digests = one.image_digest, other.image_digest
    if None not in digests and digests[0] != digests[1]:
        return f"two different pictures are called {one.image!r}"
    return None


def check_texts(given: Answers, questions: QASet, *, where: object) -> None:
    """Make sure that a results file that tells its questions means those of the source.

    Case, white space and punctuation do not count: many files hold questions cut into words.

    Raises:
        DataError: tells how many questions differ, and the first of them.
    """
    texts = {question.id: question.text for question in questions}
    refuse(
        {
            one.question_id: f"{one.question!r} and {texts[one.question_id]!r}"
            for one in given
            if one.question is not None
            and one.question_id in texts
            and _words(one.question) != _words(texts[one.question_id])
        },
        where=where,
        remedy=f"Name the --data that they are answers to, not {questions.source}.",
    )


def refuse(differing: Mapping[QuestionId, str], *, where: object, remedy: str) -> None:
    """Raise the error that ids stand for different questions, if any do.

    Args:
        differing: id → how the two differ.
        where: who answered.
        remedy: what to do.

    Raises:
        DataError: tells how many and describes the first.
    """
    if not differing:
        return
    first, how = next(iter(differing.items()))
    ids = "question id stands" if len(differing) == 1 else "question ids stand"
    raise DataError(
        f"{len(differing):,} {ids} for different questions: {first!r} for {how}",
        where=where,
        remedy=remedy,
    )


def _words(text: str) -> str:
    return re.sub(r"[\W_]+", "", text.casefold())


def _listed(answers: Mapping[str, int]) -> str:
    return ", ".join(map(repr, answers)) or "none"
