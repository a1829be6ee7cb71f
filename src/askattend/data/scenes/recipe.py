"""The recipe of a set of generated scenes, as it is written in a source's name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import msgspec

from askattend.errors import DataError
from askattend.settings import Positive, Seed, check, from_mapping, to_mapping


@dataclass(frozen=True)
class Recipe:
    """Settings of generated scenes; the same recipe gives the same scenes on every machine.

    With more images, those there were stay as they are, with all their questions.
    """

    images: Positive = 2000
    """Pictures, of which 80 % are for training, 10 % for validation and 10 % for the test."""
    seed: Seed = 0
    """Chooses which."""
    size: Annotated[int, msgspec.Meta(ge=32, le=1024)] = 160
    """Side of a picture in pixels."""
    objects: Annotated[int, msgspec.Meta(ge=3, le=8)] = 4
    """Largest number of shapes in a picture; the smallest is 1."""
    clutter: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.5
    """Share of the pictures that have strokes of grey behind the shapes."""

    def __post_init__(self) -> None:
        check(self)

    @classmethod
    def parse(cls, text: str) -> Recipe:
        """Read a recipe such as ``"images=500,seed=7"``; what is left out keeps its default.

        Raises:
            ConfigError: a key is unknown (names the nearest) or a value out of range.
            DataError: it is not written so.
        """
        where = f"'scenes:{text}'"
        values: dict[str, int | float] = {}
        for part in text.split(",") if text else ():
            key, _, value = (piece.strip() for piece in part.partition("="))
            if key in values:
                raise DataError(f"'{key}' is there twice", where=where, remedy="Leave one out.")
            values[key] = _number(key, value, where)
        return from_mapping(cls, values, where=where)

    def __str__(self) -> str:
        """Write the recipe as `parse` reads it, with every key."""
        return ",".join(f"{key}={value}" for key, value in self._written().items())

    @property
    def label(self) -> str:
        """Settings that a picture depends on, as a folder's name: not how many there are."""
        return "-".join(f"{key}{v}" for key, v in self._written().items() if key != "images")

    def _written(self) -> dict[str, str]:
        # 1 and 1.0 alike, since both are the same recipe.
        return {key: str(value).removesuffix(".0") for key, value in to_mapping(self).items()}


def canonical_recipe(recipe: str) -> str:
    """Write a recipe with every key in its place, so that equal ones are written equally."""
    return str(Recipe.parse(recipe))


def _number(key: str, value: str, where: str) -> int | float:
    # Ranges are checked where the recipe is made, and name the key.
    for kind in (int, float):
        try:
            return kind(value)
        except ValueError:
            continue
    example = f"scenes:images={Recipe.images},seed=7"
    problem = f"'{key}' is '{value}', not a number" if value else f"'{key}' has no value"
    raise DataError(problem, where=where, remedy=f"Write KEY=NUMBER,…, for example {example}.")
