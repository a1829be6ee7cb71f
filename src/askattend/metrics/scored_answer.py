"""A question, the answer that it got, and how right that is."""

from __future__ import annotations

import msgspec

from askattend.data.questions import Question, QuestionId
from askattend.metrics.accuracy import accuracy_of


class ScoredAnswer(msgspec.Struct, frozen=True, gc=False):
    """A system's answer to one question, and how right it is.

    Everything that is known of an answer, whoever gave it: a network on a split, or a results file
    of the VQA leaderboard, of which only the first two are known until it is scored.

    Attributes:
        question_id: the question's id.
        answer: the answer given.
        probability: its probability, tempered if a temperature was fitted, 0 to 1; None where the
            system does not tell.
        score: how right it is, 0 to 1; None where the question has no reference answer, or before
            it is scored.
        answer_type: of the question, where the source tells.
        question_type: likewise.
        image: id of the question's image; None if it is not known.
        wups: WUPS at 0.9, 0 to 1; None where it was not asked for or is not to be had.
        question: the question's text; None, as the next two, where it is not known.
        references: its human answers with how many people gave each.
        image_digest: of the image's file, see `askattend.files.digest_of`.
    """

    question_id: QuestionId
    answer: str
    probability: float | None = None
    score: float | None = None
    answer_type: str | None = None
    question_type: str | None = None
    image: str | None = None
    wups: float | None = None
    question: str | None = None
    references: tuple[tuple[str, int], ...] | None = None
    image_digest: str | None = None


def score_answer(
    question: Question, answer: str, *, probability: float | None = None, dialect: str | None = None
) -> ScoredAnswer:
    """Score an answer against the question's human ones, if it has any; see `accuracy_of`.

    Args:
        question: the question.
        answer: the answer given to it.
        probability: the answer's, if the system tells.
        dialect: see `accuracy_of`.
    """
    return ScoredAnswer(
        question_id=question.id,
        answer=answer,
        probability=probability,
        score=accuracy_of(answer, question.answers, dialect) if question.answers else None,
        answer_type=question.answer_type,
        question_type=question.question_type,
        image=question.image,
        question=question.text,
        references=question.answers,
    )
