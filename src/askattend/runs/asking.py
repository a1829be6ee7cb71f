"""Questions as somebody gives them, held to their form before any work is done."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from askattend.errors import DataError


def one_question(question: Any) -> str:
    """Return a question that is one.

    Raises:
        DataError: it is a list of them, or no text.
    """
    if isinstance(question, str):
        return question
    if isinstance(question, Iterable) and not isinstance(question, bytes):
        raise DataError(
            f"{type(question).__name__} of questions, where one was expected",
            where="question",
            remedy="Ask several at once by ask_all(questions).",
        )
    raise _no_text(question, "question")


def several_questions(questions: Any) -> list[str]:
    """Return questions as a list of texts.

    Args:
        questions: any iterable of texts, such as a data frame's column.

    Raises:
        DataError: it is a single text, or holds something else.
    """
    if isinstance(questions, str | bytes):
        raise DataError(
            "one text, where a list of them was expected",
            where="questions",
            remedy="Ask it by ask(question), or put it into a list: [question].",
        )
    if not isinstance(questions, Iterable):
        raise _no_text(questions, "questions", "a list of texts")
    listed = list(questions)
    for number, question in enumerate(listed, 1):
        if not isinstance(question, str):
            raise _no_text(question, f"question {number}")
    return listed


def answers_to_list(top: Any) -> int:
    """Return a number of answers to list, once it is one.

    Raises:
        DataError: it is no whole number from 1 on.
    """
    if isinstance(top, bool) or not isinstance(top, int) or top < 1:
        remedy = "Give a whole number from 1 on."
        raise DataError(f"{top!r} is no number of answers", where="top", remedy=remedy)
    return top


def _no_text(given: object, where: str, expected: str = "a text") -> DataError:
    problem = f"{type(given).__name__}, where {expected} was expected"
    return DataError(problem, where=where, remedy="Ask in words, as a string.")
