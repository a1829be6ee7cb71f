"""The questions of a request, held to the service's limits."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from askattend.errors import DataError
from askattend.runs.predictor import Predictor
from askattend.serving.problems import Refusal
from askattend.serving.schemas import Questions
from askattend.serving.settings import ServingLimits


def questions_of(asked: Questions, limits: ServingLimits) -> dict[str, str]:
    """Return the questions of a request, each by its place in the body.

    Raises:
        Refusal: it has none, too many, or one that is too long (422).
    """
    if asked.question is not None and asked.questions is not None:
        raise _invalid("has both 'question' and 'questions'", "questions", "Send one of the two.")
    if asked.question is not None:
        given = {"question": asked.question}
    else:
        given = {f"questions.{n}": question for n, question in enumerate(asked.questions or ())}
    if not given:
        remedy = "Send 'question', or 'questions' with at least one."
        raise _invalid("has no question", "questions", remedy)
    if len(given) > limits.max_questions:
        problem = f"{len(given)} questions, more than {limits.max_questions}"
        raise _invalid(problem, "questions", "Send them in several requests.")
    for place, question in given.items():
        check_length(question, limits, where=place)
    return given


def check_length(question: str, limits: ServingLimits, *, where: str) -> None:
    """Refuse a question that is too long.

    Raises:
        Refusal: it is (422).
    """
    if len(question) > (most := limits.max_question_length):
        problem = f"{len(question)} characters, more than {most}"
        raise _invalid(problem, where, "Ask a shorter question.")


def check_words(
    questions: Mapping[str, str], predictor: Predictor, limits: ServingLimits, *, measured: bool
) -> None:
    """Refuse questions that say nothing, or too much for each word's effect to be measured.

    Args:
        questions: each by its place in the body.
        predictor: divides them into words.
        limits: how many words may be measured.
        measured: True where each word's effect is asked for.

    Raises:
        Refusal: a question has no word in it, or all have too many (422).
    """
    for place, question in questions.items():
        try:
            predictor.need_words([question])
        except DataError as error:
            raise _invalid(error.problem, place, error.remedy) from None
    if not measured:
        return
    count = sum(len(predictor.run.words.tokenise(each)) for each in questions.values())
    if count > limits.max_words:
        # Each word is a version of its question more to be answered.
        problem = f"{count} words to measure, more than {limits.max_words}"
        remedy = "Ask fewer or shorter questions at once, or leave 'words' out."
        raise _invalid(problem, "words", remedy)


def _invalid(problem: str, where: str, remedy: str) -> Refusal:
    return Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, problem, where=where, remedy=remedy)
