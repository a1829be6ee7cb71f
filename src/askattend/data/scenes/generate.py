"""A whole set of generated questions: scenes, their pictures, and balanced questions on each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from askattend.data.questions import QASet, Question
from askattend.data.scenes.balancing import AnswerBalancer
from askattend.data.scenes.images import image_folder, write_images
from askattend.data.scenes.questions import Candidate, candidates
from askattend.data.scenes.random_stream import RandomStream
from askattend.data.scenes.rasterise import box_of
from askattend.data.scenes.recipe import Recipe
from askattend.data.scenes.scene import GeneratedScene, compose

# Of ten pictures in a row, the split of each.
_SPLITS = ("train",) * 8 + ("valid", "test")
# One question in so many is asked in a second wording too.
_REWORDED = 3


def generate(recipe: Recipe) -> QASet:
    """Generate the questions of a recipe, and draw the pictures that are not there yet.

    Raises:
        DataError: the folder of pictures cannot be written to.
    """
    scenes = compose_all(recipe)
    folder = image_folder(recipe)
    files = write_images(scenes, recipe.size, folder)
    questions = tuple(_questions(scenes, recipe))
    images = {_image_id(recipe, index): file for index, file in enumerate(files)}
    # A scene may have no question at all, and a picture without one is of no use.
    used = frozenset(question.image for question in questions)
    return QASet(
        f"scenes:{recipe}",
        questions,
        {image: file for image, file in images.items() if image in used},
        notes=(f"the pictures are in {folder}",),
    )


def compose_all(recipe: Recipe) -> list[GeneratedScene]:
    """Compose the scenes of a recipe, in order."""
    return [
        compose(recipe.seed, index, max_objects=recipe.objects, clutter=recipe.clutter)
        for index in range(recipe.images)
    ]


def _questions(scenes: Sequence[GeneratedScene], recipe: Recipe) -> Iterator[Question]:
    """Choose and word the questions, balanced in each split by itself, numbered from 0."""
    balancers: defaultdict[str, AnswerBalancer] = defaultdict(AnswerBalancer)
    number = 0
    for index, scene in enumerate(scenes):
        # A stream of its own for each scene: those before it may draw as much as they like.
        rng = RandomStream("questions", recipe.seed, index, recipe.objects)
        split, image = _SPLITS[index % len(_SPLITS)], _image_id(recipe, index)
        found = candidates(scene, max_objects=recipe.objects, rng=rng)
        for chosen in balancers[split].choose(found, rng):
            count = 1 if rng.below(_REWORDED) else 2
            for text in rng.shuffled(chosen.wordings)[:count]:
                yield _question(number, image, split, text, chosen)
                number += 1


def _question(number: int, image: str, split: str, text: str, chosen: Candidate) -> Question:
    return Question(
        id=number,
        image=image,
        text=text,
        answers=((chosen.answer, 1),),
        split=split,
        question_type=chosen.question_type,
        answer_type=chosen.answer_type,
        boxes=tuple(map(box_of, chosen.objects)),
        meaning=f"{image} {chosen.meaning}",
    )


def _image_id(recipe: Recipe, index: int) -> str:
    return f"{recipe.seed}/{index}"
