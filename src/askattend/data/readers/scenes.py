"""Reader of generated scenes: pictures of coloured shapes and questions about them, from a seed."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Annotated

import msgspec
from PIL import Image

from askattend.data.questions import QASet, Question
from askattend.data.scenes.balancing import Balance
from askattend.data.scenes.draws import Draws
from askattend.data.scenes.questions import Candidate, candidates
from askattend.data.scenes.rasterise import box_of, draw
from askattend.data.scenes.scene import Scene, compose
from askattend.errors import DataError
from askattend.files import atomic_write
from askattend.settings import Positive, Seed, check, from_mapping, to_mapping

CACHE = "ASKATTEND_CACHE"
_NAME_ONE = f"Name a folder that can be written to in the environment variable {CACHE}."
# Names the folder of pictures: to be raised when the same scene is drawn or composed otherwise.
_VERSION = 1
# Of ten pictures in a row, the split of each.
_SPLITS = ("train",) * 8 + ("valid", "test")
# One question in so many is asked in a second wording too.
_REWORDED = 3


@dataclass(frozen=True)
class Recipe:
    """What scenes are generated from; the same recipe gives the same scenes on every machine.

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
        """The recipe in ``"images=500,seed=7"``; what is left out keeps its default.

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
        """As `parse` reads it, with every key."""
        return ",".join(f"{key}={_written(value)}" for key, value in to_mapping(self).items())


def canonical_recipe(recipe: str) -> str:
    """The same recipe with every key in its place, so that equal ones are written equally."""
    return str(Recipe.parse(recipe))


def read_scenes(recipe: str = "") -> QASet:
    """Generated pictures of 1 to 4 shapes, with about 15 questions on each.

    Questions ask for colour, shape, count, existence, comparison and position
    (`Question.question_type`); `answer_type` is ``"yes/no"``, ``"number"`` or ``"other"``. Answers
    are balanced within every kind of question. `boxes` are those of the things that a question is
    about; one that asks in vain whether something is there has none. Questions that differ in
    nothing but their wording share a `meaning`. Of ten pictures in a row, eight are for training.

    The pictures are drawn as PNG files, unless they are there already, into the folder that the
    environment variable ``ASKATTEND_CACHE`` names; by default ``~/.cache/askattend``.

    Args:
        recipe: see `Recipe`, for example ``"images=500,seed=7"``.

    Raises:
        ConfigError, DataError: the recipe is wrong, or the folder cannot be written to.
    """
    parsed = Recipe.parse(recipe)
    scenes = compose_all(parsed)
    folder = cache_folder() / "scenes" / _folder_name(parsed)
    files = draw_all(scenes, parsed.size, folder)
    images = {_image_id(parsed, index): file for index, file in enumerate(files)}
    questions = tuple(_questions(scenes, parsed))
    asked = frozenset(question.image for question in questions)
    return QASet(
        f"scenes:{parsed}",
        questions,
        {image: file for image, file in images.items() if image in asked},
        notes=(f"the pictures are in {folder}",),
    )


def compose_all(recipe: Recipe) -> list[Scene]:
    """The scenes of a recipe, in order."""
    return [
        compose(recipe.seed, index, objects=recipe.objects, clutter=recipe.clutter)
        for index in range(recipe.images)
    ]


# --- the questions ----------------------------------------------------------------------------


def _questions(scenes: Sequence[Scene], recipe: Recipe) -> Iterator[Question]:
    """Balanced in each split by itself, numbered from 0."""
    balances: defaultdict[str, Balance] = defaultdict(Balance)
    number = 0
    for index, scene in enumerate(scenes):
        draws = Draws("questions", recipe.seed, index, recipe.objects)
        split = _SPLITS[index % len(_SPLITS)]
        image = _image_id(recipe, index)
        for chosen in balances[split].choose(candidates(scene, recipe.objects, draws), draws):
            for text in _worded(chosen, draws):
                yield _question(number, image, split, text, chosen)
                number += 1


def _worded(candidate: Candidate, draws: Draws) -> list[str]:
    """A wording of it, or now and then two."""
    count = 1 if draws.below(_REWORDED) else 2
    return draws.shuffled(candidate.wordings)[:count]


def _question(number: int, image: str, split: str, text: str, asked: Candidate) -> Question:
    return Question(
        id=number,
        image=image,
        text=text,
        answers=((asked.answer, 1),),
        split=split,
        question_type=asked.question_type,
        answer_type=asked.answer_type,
        boxes=tuple(box_of(thing) for thing in asked.things),
        meaning=f"{image} {asked.meaning}",
    )


def _image_id(recipe: Recipe, index: int) -> str:
    return f"{recipe.seed}/{index}"


# --- the pictures -----------------------------------------------------------------------------


def cache_folder() -> Path:
    """Where what can be made again is kept: ``ASKATTEND_CACHE``, or the user's cache folder.

    Raises:
        DataError: the user has no home folder.
    """
    named = os.environ.get(CACHE)
    try:
        if named:
            return Path(named).expanduser()
        return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "askattend"
    except RuntimeError:
        raise DataError("there is no home folder for the pictures", remedy=_NAME_ONE) from None


def draw_all(scenes: Sequence[Scene], size: int, folder: Path) -> list[Path]:
    """Draw into a folder what it lacks; returns the file of each scene.

    Several processes may do so at once: each file appears whole, and with the same pixels.

    Raises:
        DataError: the folder cannot be written to.
    """
    files = [folder / f"{index}.png" for index in range(len(scenes))]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        there = {entry.name for entry in os.scandir(folder)}
        for scene, file in zip(scenes, files, strict=True):
            if file.name not in there:
                atomic_write(file, _png(scene, size))
    except OSError as error:
        raise DataError(
            f"the pictures cannot be written ({error.strerror or error})",
            where=folder,
            remedy=_NAME_ONE,
        ) from error
    return files


def _png(scene: Scene, size: int) -> bytes:
    content = BytesIO()
    Image.fromarray(draw(scene, size)).save(content, format="PNG", compress_level=1)
    return content.getvalue()


def _folder_name(recipe: Recipe) -> str:
    """All that a picture depends on: not how many there are."""
    values = {key: value for key, value in to_mapping(recipe).items() if key != "images"}
    return "-".join([f"{key}{_written(value)}" for key, value in values.items()] + [f"v{_VERSION}"])


def _written(value: int | float) -> str:
    """1 and 1.0 alike."""
    return str(value).removesuffix(".0")


def _number(key: str, value: str, where: str) -> int | float:
    for kind in (int, float):
        try:
            return kind(value)
        except ValueError:
            continue
    example = f"scenes:images={Recipe.images},seed=7"
    problem = f"'{key}' is '{value}', not a number" if value else f"'{key}' has no value"
    raise DataError(problem, where=where, remedy=f"Write KEY=NUMBER,…, for example {example}.")
