"""Questions and sets of them, as short as can be written."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from askattend.data.questions import QASet, Question, QuestionId


def make_question(
    text: str = "?",
    *answers: tuple[str, int],
    id: QuestionId = 0,
    image: str = "i",
    split: str = "test",
    **more: Any,
) -> Question:
    """A question and its human answers, each with how many people gave it."""
    return Question(id=id, image=image, text=text, answers=answers, split=split, **more)


def make_qaset(
    *questions: Question, images: Mapping[str, Path] | None = None, **more: Any
) -> QASet:
    """A set of questions, on images that are not there unless they are named."""
    found = {q.image: Path(q.image) for q in questions} if images is None else images
    return QASet("some", questions, found, **more)
