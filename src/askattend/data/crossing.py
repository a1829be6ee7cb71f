"""Questions asked of other images than those that people asked them of."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

from msgspec.structs import replace as replace_struct

from askattend.data.questions import QASet, Question


def with_crossed(
    questions: QASet, times: int, *, seed: int, only: Callable[[Question], bool] = lambda _: True
) -> QASet:
    """Append every question once more for each of some other images, without an answer.

    Only what can answer them itself makes them of use: teachers of another network.

    Args:
        questions: stay as they are, and come first.
        times: other images that each is asked of; fewer where there are not so many.
        seed: chooses which.
        only: tells which questions are asked of others.
    """
    images = list(dict.fromkeys(question.image for question in questions))
    drawn = random.Random(seed)
    crossed = [
        other
        for question in questions
        if only(question)
        for other in _of_others(question, images, min(times, len(images)), drawn)
    ]
    return replace(questions, questions=(*questions.questions, *crossed))


def _of_others(
    question: Question, images: list[str], times: int, drawn: random.Random
) -> list[Question]:
    """Ask a question of images drawn at random, its own left out where it is drawn."""
    return [
        replace_struct(question, id=f"{question.id} of {image}", image=image, answers=(), boxes=())
        for image in drawn.sample(images, times)
        if image != question.image
    ]
