"""Reader of generated scenes: pictures of coloured shapes and questions about them, from a seed."""

from __future__ import annotations

from askattend.data.questions import QASet
from askattend.data.readers.reader import Reader
from askattend.data.scenes.recipe import Recipe, canonical_recipe


def read_scenes(recipe: str = "") -> QASet:
    """Generate pictures of 1 to 4 shapes, with about 15 questions on each.

    Questions ask for colour, shape, count, existence, comparison and position
    (`Question.question_type`); `answer_type` is ``"yes/no"``, ``"number"`` or ``"other"``. Answers
    are balanced within every kind of question. `boxes` are those of the objects that a question is
    about; one that asks in vain whether something is there has none. Questions that differ in
    nothing but their wording share a `meaning`. Of ten pictures in a row, eight are for training.

    The pictures are drawn as PNG files, unless they are there already, into the folder that the
    environment variable ``ASKATTEND_CACHE`` names; by default ``~/.cache/askattend``.

    Args:
        recipe: see `Recipe`, for example ``"images=500,seed=7"``.

    Raises:
        ConfigError, DataError: the recipe is wrong, or the folder cannot be written to.
    """
    # Only here, since it brings NumPy and Pillow: help texts need not wait for those.
    from askattend.data.scenes.generate import generate

    return generate(Recipe.parse(recipe))


SCENES = Reader(
    "generated here: coloured shapes, balanced questions",
    read_scenes,
    "KEY=VALUE,…",
    "images=500,seed=7",
    canonical=canonical_recipe,
)
