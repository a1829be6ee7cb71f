"""A system beside every floor, on the same questions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np

from askattend.data.questions import Question
from askattend.features.source import FeatureSource
from askattend.metrics.accuracy import accuracy_of
from askattend.metrics.floors import Floors
from askattend.metrics.linear_floor import LinearFloor
from askattend.metrics.shares import share_interval
from askattend.metrics.significance import difference_interval


class FloorComparison(msgspec.Struct, frozen=True):
    """A floor, and how far a system is above it on the same questions.

    Attributes:
        name: of the floor, for people.
        accuracy: of the floor, 0 to 1.
        interval: of its accuracy, 95 %, see `metrics.shares`.
        ahead: the system's accuracy less the floor's, -1 to 1.
        ahead_interval: of that difference, 95 %, by paired bootstrap over images; see
            `difference_interval` where they all differ by the same.
        beaten: True where that interval lies above 0.
        equal: True where both score the same on every question.
    """

    name: str
    accuracy: float
    interval: tuple[float, float]
    ahead: float
    ahead_interval: tuple[float, float]
    beaten: bool
    equal: bool = False


@dataclass(frozen=True)
class FloorAnswers:
    """Answers of one floor, in the order of the questions, and its name for people."""

    name: str
    answers: tuple[str, ...]

    def scores(self, questions: Sequence[Question], dialect: str | None = None) -> list[float]:
        """Score the answers, 0 to 1; a question without human answers scores 0."""
        pairs = zip(questions, self.answers, strict=True)
        return [
            accuracy_of(answer, q.answers, dialect) if q.answers else 0.0 for q, answer in pairs
        ]


def floor_answers(
    floors: Floors,
    linear: Iterable[LinearFloor],
    questions: Sequence[Question],
    features: FeatureSource,
) -> dict[str, FloorAnswers]:
    """Answer questions by every floor.

    Args:
        floors: those that count.
        linear: those that are fitted.
        questions: in any order.
        features: of their images.

    Returns:
        name of each floor in files → its answers: ``"majority"``, ``"prefix"``, then the `key` of
        each of `linear`.

    Raises:
        FeatureError: see `LinearFloor.answer`.
    """
    prefix = tuple(floors.answer_by_prefix(question.text) for question in questions)
    found = {
        "majority": FloorAnswers("most common answer", (floors.majority,) * len(questions)),
        "prefix": FloorAnswers("first words", prefix),
    }
    for floor in linear:
        answers = floor.answer(questions, None if floor.image is None else features)
        found[floor.key] = FloorAnswers(floor.name, tuple(answers))
    return found


def compare_with_floors(
    scores: Sequence[float],
    questions: Sequence[Question],
    floors: Mapping[str, FloorAnswers],
    dialect: str | None = None,
) -> dict[str, FloorComparison]:
    """Compare a system's scores, 0 to 1, with those of floors on the same answered questions.

    Args:
        scores: the system's.
        questions: all of which have a human answer.
        floors: their answers, by name in files.
        dialect: by which the system was scored, see `accuracy_of`.
    """
    images = [question.image for question in questions]
    found = {}
    for key, floor in floors.items():
        own = floor.scores(questions, dialect)
        ahead = (np.array(scores) - np.array(own)).tolist()
        interval = difference_interval(ahead, images)
        found[key] = FloorComparison(
            name=floor.name,
            accuracy=float(np.mean(own)),
            interval=share_interval(own, images),
            ahead=float(np.mean(ahead)),
            ahead_interval=interval,
            beaten=interval[0] > 0,
            equal=not any(ahead),
        )
    return found


def floors_verdict(floors: Mapping[str, FloorComparison], tried: str) -> str | None:
    """Say plainly how many floors a system does not beat beyond chance; None if it beats them all.

    Args:
        floors: the system beside each of them.
        tried: what the system is.
    """
    unbeaten = [floor for floor in floors.values() if not floor.beaten]
    if not unbeaten:
        return None
    strongest = max(unbeaten, key=lambda floor: floor.accuracy)
    which = "any" if len(unbeaten) == len(floors) else str(len(unbeaten))
    return (
        f"This network does not beat, beyond chance, {which} of the {len(floors)} floors, which "
        f"are guesses without it; the strongest of these is {_difference(strongest)}. "
        f"Tried: {tried}."
    )


def _difference(floor: FloorComparison) -> str:
    """Write a floor with its accuracy and the distance from it."""
    low, high = (f"{100 * end:+.1f}" for end in floor.ahead_interval)
    if floor.equal:
        return (
            f"{floor.name} ({floor.accuracy:.1%}; the network scores the same on every question, "
            f"which leaves {low} to {high} points possible on others, by Wilson's interval)"
        )
    return (
        f"{floor.name} ({floor.accuracy:.1%}; the network {100 * floor.ahead:+.1f} points, "
        f"95 %: {low} to {high})"
    )
