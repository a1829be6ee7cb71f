"""Floors beside systems that are compared: what guessing reaches on the same questions."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import mean

import msgspec

from askattend.data.questions import QASet, Question
from askattend.data.splits import training_splits
from askattend.data.text import answer_key
from askattend.errors import AskAttendError, DataError
from askattend.metrics.wups import THRESHOLDS, Wups, wups_of_each
from askattend.scoring.score import has_sets
from askattend.scoring.systems import System


class ComparedFloor(msgspec.Struct, frozen=True):
    """A floor.

    Attributes:
        name: for people.
        accuracy: 0 to 1.
        wups: mean WUPS at ``"0.9"`` and ``"0.0"``; None where it is not known.
    """

    name: str
    accuracy: float
    wups: dict[str, float] | None = None


def floors_of_evaluations(systems: Sequence[System]) -> tuple[ComparedFloor, ...]:
    """Collect the floors of runs as they were evaluated, of each kind the highest.

    Runs that learnt from the same questions have the same ones.
    """
    highest: dict[str, ComparedFloor] = {}
    for system in systems:
        for key, floor in system.floors.items():
            if key not in highest or floor.accuracy > highest[key].accuracy:
                highest[key] = ComparedFloor(floor.name, floor.accuracy)
    return tuple(highest.values())


def floors_of_source(
    source: QASet, system: System, dialect: str | None
) -> tuple[tuple[ComparedFloor, ...], tuple[str, ...]]:
    """Learn floors from a source's training questions, and score them as the systems are.

    Args:
        source: the question source.
        system: one of those that are compared, whose questions count.
        dialect: see `accuracy_of`.

    Returns:
        the floors, of questions alone; and a note where there are none.
    """
    # Here alone: features need PyTorch, whose import is slow.
    from askattend.features.none import NoFeatures
    from askattend.metrics.floor_comparison import floor_answers
    from askattend.metrics.floors import Floors
    from askattend.metrics.linear_floor import fit_linear_floors

    ids = {one.question_id for one in system.answers if one.score is not None}
    asked = [question for question in source if question.id in ids and question.answers]
    try:
        train = training_splits(source).train
    except AskAttendError as error:
        return (), (f"no floors: there is nothing to learn them from ({error.problem})",)
    # Of a split that is learnt from, or a part of it, floors would know the answers.
    learnt = [question for question in train if question.id not in ids and question.answers]
    if not learnt:
        return (), (f"no floors: all questions to learn them from are of '{system.split}'",)
    floors = Floors.build(learnt), fit_linear_floors(learnt, None)
    answers = floor_answers(*floors, asked, NoFeatures())
    wups = Wups()
    return tuple(
        ComparedFloor(
            floor.name,
            mean(floor.scores(asked, dialect)),
            _wups(floor.answers, asked, wups) if has_sets(source.source) else None,
        )
        for floor in answers.values()
    ), ()


def _wups(
    answers: Sequence[str], questions: Sequence[Question], wups: Wups
) -> dict[str, float] | None:
    """Average a floor's WUPS; None where it is not to be had, which is told of the systems."""
    if any(len(question.answers) != 1 for question in questions):
        return None
    pairs = [
        (answer_key(question.answers[0][0]), answer_key(answer))
        for question, answer in zip(questions, answers, strict=True)
    ]
    try:
        return {name: mean(wups_of_each(pairs, at, wups)) for name, at in THRESHOLDS.items()}
    except DataError:
        return None
