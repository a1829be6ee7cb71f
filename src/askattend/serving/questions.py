"""The questions of a request, held to the service's limits."""

from __future__ import annotations

from http import HTTPStatus

from askattend.serving.problems import Refusal
from askattend.serving.schemas import Questions
from askattend.serving.settings import ServingLimits


def questions_of(asked: Questions, limits: ServingLimits) -> list[str]:
    """Return the questions of a request.

    Raises:
        Refusal: it has none, too many, or one that is too long (422).
    """
    given = asked.questions if asked.question is None else [asked.question]
    if not given or (asked.question is not None and asked.questions is not None):
        raise _invalid("needs 'question', or 'questions' with at least one", "questions")
    if len(given) > limits.max_questions:
        raise _invalid(f"more than {limits.max_questions} questions", "questions")
    for number, question in enumerate(given):
        check_length(question, limits, where=f"questions.{number}")
    return given


def check_length(question: str, limits: ServingLimits, *, where: str) -> None:
    """Refuse a question that is too long.

    Raises:
        Refusal: it is (422).
    """
    if len(question) > limits.max_question_length:
        raise _invalid(f"longer than {limits.max_question_length} characters", where)


def _invalid(problem: str, where: str) -> Refusal:
    remedy = "See /openapi.json and the service's limits."
    return Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, problem, where=where, remedy=remedy)
