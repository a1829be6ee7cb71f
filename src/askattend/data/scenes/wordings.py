"""The wording of questions about a scene, and the names of its objects in them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from askattend.data.scenes.scene import SHAPES, SceneObject

# Where one object lies from another, and another way to say so.
SIDES = {
    "left of": "to the left of",
    "right of": "to the right of",
    "above": "higher up than",
    "below": "lower down than",
}
# Predicate → ways to ask it: {0} and {1} are names, {a[0]} has its article, {many[0]} the plural.
WORDINGS: Mapping[str, tuple[str, ...]] = {
    "colour": (
        "what colour is the {0}?",
        "which colour does the {0} have?",
        "what is the colour of the {0}?",
    ),
    "shape": (
        "what shape is the {0} one?",
        "which shape is {0}?",
        "what is the {0} thing?",
    ),
    "count": (
        "how many {many[0]} are there?",
        "how many {many[0]} do you see?",
        "what is the number of {many[0]}?",
    ),
    "exists": (
        "is there {a[0]}?",
        "do you see {a[0]}?",
        "does the picture show {a[0]}?",
    ),
    "more": (
        "are there more {many[0]} than {many[1]}?",
        "do you see more {many[0]} than {many[1]}?",
        "is the number of {many[0]} greater than that of {many[1]}?",
    ),
    "larger": (
        "is the {0} larger than the {1}?",
        "is the {0} bigger than the {1}?",
    ),
    "smaller": (
        "is the {0} smaller than the {1}?",
        "is the {0} not as large as the {1}?",
    ),
    "left or right": (
        "is the {0} on the left or on the right?",
        "on which side is the {0}, left or right?",
    ),
    "top or bottom": (
        "is the {0} at the top or at the bottom?",
        "at which end is the {0}, top or bottom?",
    ),
    **{
        side: (f"is the {{0}} {side} the {{1}}?", f"is the {{0}} {synonym} the {{1}}?")
        for side, synonym in SIDES.items()
    },
    **{
        f"shape {side}": (
            f"what is {side} the {{0}}?",
            f"what lies {synonym} the {{0}}?",
            f"which shape is {side} the {{0}}?",
        )
        for side, synonym in SIDES.items()
    },
    **{
        f"colour {side}": (
            f"what colour is the shape {side} the {{0}}?",
            f"which colour does the shape {synonym} the {{0}} have?",
        )
        for side, synonym in SIDES.items()
    },
}
_PLURALS = {shape: f"{shape}es" if shape.endswith("s") else f"{shape}s" for shape in SHAPES}


def wordings(predicate: str, names: Iterable[str]) -> list[str]:
    """Word a predicate of one name or two, in all ways."""
    names = list(names)
    articles, plurals = list(map(_with_article, names)), list(map(_plural, names))
    return [way.format(*names, a=articles, many=plurals) for way in WORDINGS[predicate]]


def named(objects: Iterable[SceneObject], name: str) -> tuple[SceneObject, ...]:
    """Return the objects that a name such as "circle", "red shape" or "red circle" fits."""
    colour, _, noun = name.rpartition(" ")
    return tuple(
        thing
        for thing in objects
        if colour in ("", thing.colour) and noun in ("shape", thing.shape)
    )


def unambiguous_names(thing: SceneObject, objects: Iterable[SceneObject]) -> list[str]:
    """Return the names that fit an object of a scene and no other there."""
    pair = f"{thing.colour} {thing.shape}"
    tried = (thing.shape, f"{thing.colour} shape", pair, pair)  # the full name twice as often
    return [name for name in tried if len(named(objects, name)) == 1]


def _plural(name: str) -> str:
    colour, _, noun = name.rpartition(" ")
    plural = _PLURALS.get(noun, f"{noun}s")
    return f"{colour} {plural}".strip()


def _with_article(name: str) -> str:
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"
