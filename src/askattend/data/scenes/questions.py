"""Questions about a scene: all that can be asked, each with the objects that it is about.

An object is only named by words that fit no other: "the circle" where there is one circle, "the red
circle" where there is one red one. What lies left of another does so by a clear margin, and what is
larger is half as large again in width and height, so that it is larger in area too, whatever the
shapes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import permutations

from askattend.data.scenes.random_stream import RandomStream
from askattend.data.scenes.scene import (
    COLOURS,
    MOST_ALIKE,
    SHAPES,
    UNIT,
    GeneratedScene,
    SceneObject,
)
from askattend.data.scenes.wordings import named, unambiguous_names, wordings

YES_NO = ("yes", "no")
_CLEARLY = 90  # apart, in thousandths of the picture's width
# Names that tell a shape or a colour alone.
_GENERAL = (*SHAPES, *(f"{colour} shape" for colour in COLOURS))
# Which way each side lies: to the right, and down.
_DIRECTIONS = {"left of": (-1, 0), "right of": (1, 0), "above": (0, -1), "below": (0, 1)}

Objects = tuple[SceneObject, ...]
Named = list[tuple[SceneObject, str]]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A question that could be asked of a scene.

    Attributes:
        kind: questions among which answers are balanced; the first word is its `question_type`.
        predicate: what is asked, a key of `wordings.WORDINGS`.
        names: of what it is asked.
        answer: the right one.
        answers: all that its kind has.
        objects: those that it is about; none if it asks for what is not there.
    """

    kind: str
    predicate: str
    names: tuple[str, ...]
    answer: str
    answers: tuple[str, ...]
    objects: Objects

    @property
    def question_type(self) -> str:
        """Colour, shape, count, existence, comparison or position."""
        return self.kind.split()[0]

    @property
    def answer_type(self) -> str:
        """Yes/no, number or other, as in the VQA data."""
        if self.answers == YES_NO:
            return "yes/no"
        return "number" if self.answer.isdigit() else "other"

    @property
    def meaning(self) -> str:
        """Predicate and names, however it is worded: ``"larger(circle, red square)"``."""
        return f"{self.predicate}({', '.join(self.names)})"

    @property
    def wordings(self) -> list[str]:
        """Ways to ask it."""
        return wordings(self.predicate, self.names)


def candidates(scene: GeneratedScene, *, max_objects: int, rng: RandomStream) -> list[Candidate]:
    """List all questions that the scene gives a clear answer to.

    Args:
        scene: what is asked about.
        max_objects: the largest number of objects that a scene of its set may have.
        rng: decides by which of its names an object is called.
    """
    objects = scene.objects
    names = [
        (thing, rng.choice(found))
        for thing in objects
        if (found := unambiguous_names(thing, objects))
    ]
    return [
        *_colour(names, objects),
        *_shape(objects),
        *_count(objects, max_objects),
        *_existence(objects),
        *_more(objects),
        *_size(names),
        *_half(names),
        *_side(names),
        *_neighbour(names, objects),
    ]


def _colour(names: Named, objects: Objects) -> Iterator[Candidate]:
    colours = tuple(COLOURS)
    for thing, _ in names:
        if len(named(objects, thing.shape)) == 1:
            name = (thing.shape,)
            yield Candidate("colour", "colour", name, thing.colour, colours, (thing,))


def _shape(objects: Objects) -> Iterator[Candidate]:
    for thing in objects:
        if len(named(objects, f"{thing.colour} shape")) == 1:
            name = (thing.colour,)
            yield Candidate("shape", "shape", name, thing.shape, SHAPES, (thing,))


def _count(objects: Objects, max_objects: int) -> Iterator[Candidate]:
    some = tuple(map(str, range(min(MOST_ALIKE, max_objects) + 1)))
    for name in _GENERAL:
        found = named(objects, name)
        # More of them than any answer of the kind counts to.
        if len(found) < len(some):
            yield Candidate("count some", "count", (name,), str(len(found)), some, found)
    every = tuple(map(str, range(1, max_objects + 1)))
    yield Candidate("count all", "count", ("shape",), str(len(objects)), every, objects)


def _existence(objects: Objects) -> Iterator[Candidate]:
    """Ask for what is there, and for what shares its colour or its shape with something there."""
    shapes, colours = {thing.shape for thing in objects}, {thing.colour for thing in objects}
    # Asked for in vain among things wholly unlike it, the answer would be plain to see.
    pairs = [
        f"{colour} {shape}"
        for colour in COLOURS
        for shape in SHAPES
        if colour in colours or shape in shapes
    ]
    for kind, names in (("existence pair", pairs), ("existence one", _GENERAL)):
        for name in names:
            found = named(objects, name)
            yield Candidate(kind, "exists", (name,), _yes(bool(found)), YES_NO, found)


def _more(objects: Objects) -> Iterator[Candidate]:
    """Compare the numbers of two shapes, or of two colours, that are both there."""
    shapes = dict.fromkeys(thing.shape for thing in objects)
    colours = dict.fromkeys(f"{thing.colour} shape" for thing in objects)
    for names in (*permutations(shapes, 2), *permutations(colours, 2)):
        first, second = (named(objects, name) for name in names)
        answer = _yes(len(first) > len(second))
        yield Candidate("comparison more", "more", names, answer, YES_NO, first + second)


def _size(named_objects: Named) -> Iterator[Candidate]:
    for (one, first), (other, second) in permutations(named_objects, 2):
        small, large = sorted((one.radius, other.radius))
        # Between sizes so close nobody could tell.
        if 2 * large < 3 * small:
            continue
        names, both = (first, second), (one, other)
        larger, smaller = _yes(one.radius > other.radius), _yes(one.radius < other.radius)
        yield Candidate("comparison size", "larger", names, larger, YES_NO, both)
        yield Candidate("comparison size", "smaller", names, smaller, YES_NO, both)


def _half(names: Named) -> Iterator[Candidate]:
    """Ask in which half of the picture an object is, by a clear margin."""
    for thing, name in names:
        for at, halves in ((thing.x, ("left", "right")), (thing.y, ("top", "bottom"))):
            # Near the middle it is in neither half clearly.
            if abs(2 * at - UNIT) < 2 * _CLEARLY:
                continue
            kind, predicate = f"position {halves[0]}", " or ".join(halves)
            yield Candidate(kind, predicate, (name,), halves[2 * at >= UNIT], halves, (thing,))


def _side(names: Named) -> Iterator[Candidate]:
    """Ask whether one object lies to a side of another."""
    for (one, first), (other, second) in permutations(names, 2):
        for side in _DIRECTIONS:
            apart = _apart(side, one, other)
            if abs(apart) >= _CLEARLY:
                answer, both = _yes(apart > 0), (one, other)
                yield Candidate("position side", side, (first, second), answer, YES_NO, both)


def _neighbour(names: Named, objects: Objects) -> Iterator[Candidate]:
    """Ask what lies to a side of an object, where one alone does and no other nearly."""
    for thing, name in names:
        others = [other for other in objects if other is not thing]
        for side in _DIRECTIONS:
            apart = [_apart(side, other, thing) for other in others]
            beyond = [other for other, by in zip(others, apart, strict=True) if by > 0]
            # One that is nearly level with the object might be taken to lie on either side.
            if len(beyond) != 1 or min(map(abs, apart)) < _CLEARLY:
                continue
            (found,) = beyond
            for wanted, answer, answers in (
                ("shape", found.shape, SHAPES),
                ("colour", found.colour, tuple(COLOURS)),
            ):
                kind, predicate = f"position {wanted}", f"{wanted} {side}"
                yield Candidate(kind, predicate, (name,), answer, answers, (found, thing))


def _apart(side: str, one: SceneObject, other: SceneObject) -> int:
    """Measure how far one object lies to a side of the other; negative on the opposite side."""
    right, down = _DIRECTIONS[side]
    return right * (one.x - other.x) + down * (one.y - other.y)


def _yes(fact: bool) -> str:
    return "yes" if fact else "no"
