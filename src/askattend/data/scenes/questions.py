"""Questions about a scene: all that can be asked, each with the things that it is about.

A thing is only named by words that fit no other: "the circle" where there is one circle, "the red
circle" where there is one red one. What lies left of another does so by a clear margin, and what is
larger is half as large again in width and height, so that it is larger in area too, whatever the
shapes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import permutations

from askattend.data.scenes.draws import Draws
from askattend.data.scenes.scene import COLOURS, MOST_ALIKE, SHAPES, UNIT, Scene, Thing

YES_NO = ("yes", "no")
_CLEARLY = 90  # apart, in thousandths of the picture's width
_PLURALS = {shape: f"{shape}es" if shape.endswith("s") else f"{shape}s" for shape in SHAPES}


@dataclass(frozen=True, slots=True)
class Candidate:
    """A question that could be asked of a scene.

    Attributes:
        kind: questions among which answers are balanced; the first word is its `question_type`.
        meaning: what it asks, however it is worded.
        answer: the right one.
        answers: all that its kind has.
        wordings: ways to ask it.
        things: those that it is about; none if it asks for what is not there.
    """

    kind: str
    meaning: str
    answer: str
    answers: tuple[str, ...]
    wordings: tuple[str, ...]
    things: tuple[Thing, ...]

    @property
    def question_type(self) -> str:
        """Colour, shape, count, existence, comparison or position."""
        return self.kind.split()[0]

    @property
    def answer_type(self) -> str:
        """As in the VQA data: yes/no, number or other."""
        if self.answers == YES_NO:
            return "yes/no"
        return "number" if self.answer.isdigit() else "other"


def candidates(scene: Scene, objects: int, draws: Draws) -> list[Candidate]:
    """All questions that the scene gives a clear answer to.

    Args:
        scene: what is asked about.
        objects: the largest number of things that a scene of its set may have.
        draws: decide by which of its names a thing is called.
    """
    things = scene.things
    names = [(thing, draws.choice(found)) for thing in things if (found := _names(thing, things))]
    return [
        *_colour(names, things),
        *_shape(things),
        *_count(things, objects),
        *_existence(things),
        *_more(things),
        *_size(names),
        *_half(names),
        *_side(names),
        *_neighbour(names, things),
    ]


# --- naming -----------------------------------------------------------------------------------


def _named(things: tuple[Thing, ...], name: str) -> tuple[Thing, ...]:
    """The things that "circle", "red shape" or "red circle" fits."""
    colour, _, noun = name.rpartition(" ")
    return tuple(
        thing for thing in things if colour in ("", thing.colour) and noun in ("shape", thing.shape)
    )


def _names(thing: Thing, things: tuple[Thing, ...]) -> list[str]:
    """What the thing can be called so that no other is meant."""
    pair = f"{thing.colour} {thing.shape}"
    tried = (thing.shape, f"{thing.colour} shape", pair, pair)  # the full name twice as often
    return [name for name in tried if len(_named(things, name)) == 1]


def _many(name: str) -> str:
    """In the plural: "red shapes", "crosses"."""
    colour, _, noun = name.rpartition(" ")
    plural = _PLURALS.get(noun, f"{noun}s")
    return f"{colour} {plural}".strip()


def _a(name: str) -> str:
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"


# --- the types --------------------------------------------------------------------------------

_Names = list[tuple[Thing, str]]
_Things = tuple[Thing, ...]


def _colour(names: _Names, things: _Things) -> Iterator[Candidate]:
    for thing, _ in names:
        if len(_named(things, thing.shape)) == 1:
            wordings = (
                f"what colour is the {thing.shape}?",
                f"which colour does the {thing.shape} have?",
                f"what is the colour of the {thing.shape}?",
            )
            meaning = f"colour({thing.shape})"
            yield Candidate("colour", meaning, thing.colour, tuple(COLOURS), wordings, (thing,))


def _shape(things: _Things) -> Iterator[Candidate]:
    for thing in things:
        if len(_named(things, f"{thing.colour} shape")) == 1:
            wordings = (
                f"what shape is the {thing.colour} one?",
                f"which shape is {thing.colour}?",
                f"what is the {thing.colour} thing?",
            )
            yield Candidate(
                "shape", f"shape({thing.colour})", thing.shape, SHAPES, wordings, (thing,)
            )


def _count(things: _Things, objects: int) -> Iterator[Candidate]:
    few = tuple(map(str, range(min(MOST_ALIKE, objects) + 1)))
    for name in (*SHAPES, *(f"{colour} shape" for colour in COLOURS)):
        found = _named(things, name)
        if len(found) < len(few):
            yield _how_many("count some", name, found, few)
    yield _how_many("count all", "shape", things, tuple(map(str, range(1, objects + 1))))


def _how_many(kind: str, name: str, found: _Things, answers: tuple[str, ...]) -> Candidate:
    plural = _many(name)
    wordings = (
        f"how many {plural} are there?",
        f"how many {plural} do you see?",
        f"what is the number of {plural}?",
    )
    return Candidate(kind, f"count({name})", str(len(found)), answers, wordings, found)


def _existence(things: _Things) -> Iterator[Candidate]:
    """What is asked for in vain shares its colour or its shape with something."""
    shapes, colours = {thing.shape for thing in things}, {thing.colour for thing in things}
    for colour in COLOURS:
        for shape in SHAPES:
            if colour in colours or shape in shapes:
                yield _is_there("existence pair", f"{colour} {shape}", things)
    for name in (*SHAPES, *(f"{colour} shape" for colour in COLOURS)):
        yield _is_there("existence one", name, things)


def _is_there(kind: str, name: str, things: _Things) -> Candidate:
    found = _named(things, name)
    wordings = (
        f"is there {_a(name)}?",
        f"do you see {_a(name)}?",
        f"does the picture show {_a(name)}?",
    )
    return Candidate(kind, f"exists({name})", _yes(bool(found)), YES_NO, wordings, found)


def _more(things: _Things) -> Iterator[Candidate]:
    """Between kinds of shape, or between colours, that are both there."""
    shapes = dict.fromkeys(thing.shape for thing in things)
    colours = dict.fromkeys(f"{thing.colour} shape" for thing in things)
    for one, other in (*permutations(shapes, 2), *permutations(colours, 2)):
        first, second = _named(things, one), _named(things, other)
        wordings = (
            f"are there more {_many(one)} than {_many(other)}?",
            f"do you see more {_many(one)} than {_many(other)}?",
            f"is the number of {_many(one)} greater than that of {_many(other)}?",
        )
        answer = _yes(len(first) > len(second))
        meaning = f"more({one}, {other})"
        yield Candidate("comparison more", meaning, answer, YES_NO, wordings, first + second)


def _size(names: _Names) -> Iterator[Candidate]:
    for (one, first), (other, second) in permutations(names, 2):
        small, large = sorted((one.radius, other.radius))
        if 2 * large < 3 * small:
            continue
        for word, synonym, answer in (
            ("larger", "bigger than", _yes(one.radius > other.radius)),
            ("smaller", "not as large as", _yes(one.radius < other.radius)),
        ):
            wordings = (
                f"is the {first} {word} than the {second}?",
                f"is the {first} {synonym} the {second}?",
            )
            meaning = f"{word}({first}, {second})"
            yield Candidate("comparison size", meaning, answer, YES_NO, wordings, (one, other))


def _half(names: _Names) -> Iterator[Candidate]:
    """In which half of the picture a thing is, by a clear margin."""
    for thing, name in names:
        for at, answers in ((thing.x, ("left", "right")), (thing.y, ("top", "bottom"))):
            if abs(2 * at - UNIT) < 2 * _CLEARLY:
                continue
            first, last = answers
            if first == "left":
                wordings = (
                    f"is the {name} on the left or on the right?",
                    f"on which side is the {name}, left or right?",
                )
            else:
                wordings = (
                    f"is the {name} at the top or at the bottom?",
                    f"at which end is the {name}, top or bottom?",
                )
            answer = first if 2 * at < UNIT else last
            meaning = f"{first} or {last}({name})"
            yield Candidate(f"position {first}", meaning, answer, answers, wordings, (thing,))


# How a side is written otherwise, and which way it lies: to the right, and down.
_SIDES = {
    "left of": ("to the left of", -1, 0),
    "right of": ("to the right of", 1, 0),
    "above": ("higher up than", 0, -1),
    "below": ("lower down than", 0, 1),
}


def _side(names: _Names) -> Iterator[Candidate]:
    for (one, first), (other, second) in permutations(names, 2):
        for side, (synonym, right, down) in _SIDES.items():
            apart = right * (one.x - other.x) + down * (one.y - other.y)
            if abs(apart) < _CLEARLY:
                continue
            wordings = (
                f"is the {first} {side} the {second}?",
                f"is the {first} {synonym} the {second}?",
            )
            meaning, answer = f"{side}({first}, {second})", _yes(apart > 0)
            yield Candidate("position side", meaning, answer, YES_NO, wordings, (one, other))


def _neighbour(names: _Names, things: _Things) -> Iterator[Candidate]:
    """What lies to a side of a thing, where one thing alone does and no other nearly."""
    for thing, name in names:
        for side, (synonym, right, down) in _SIDES.items():
            others = [other for other in things if other is not thing]
            apart = [right * (o.x - thing.x) + down * (o.y - thing.y) for o in others]
            beyond = [other for other, by in zip(others, apart, strict=True) if by > 0]
            if len(beyond) != 1 or min(map(abs, apart)) < _CLEARLY:
                continue
            found = beyond[0]
            for asked, answer, answers in (
                ("shape", found.shape, SHAPES),
                ("colour", found.colour, tuple(COLOURS)),
            ):
                wordings = _what_is_there(asked, name, side, synonym)
                meaning = f"{asked} {side}({name})"
                yield Candidate(
                    f"position {asked}", meaning, answer, answers, wordings, (found, thing)
                )


def _what_is_there(asked: str, name: str, side: str, synonym: str) -> tuple[str, ...]:
    if asked == "shape":
        return (
            f"what is {side} the {name}?",
            f"what lies {synonym} the {name}?",
            f"which shape is {side} the {name}?",
        )
    return (
        f"what colour is the shape {side} the {name}?",
        f"which colour does the shape {synonym} the {name} have?",
    )


def _yes(fact: bool) -> str:
    return "yes" if fact else "no"
