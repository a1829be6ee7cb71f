"""Questions about scenes: every answer derived a second time, from the question as written."""

from __future__ import annotations

import re
from collections import defaultdict

import pytest

from askattend.data.questions import QASet, Question
from askattend.data.readers.scenes import read_scenes
from askattend.data.scenes.generate import compose_all
from askattend.data.scenes.rasterise import box_of, draw
from askattend.data.scenes.recipe import Recipe
from askattend.data.scenes.scene import (
    COLOURS,
    SHAPES,
    GeneratedScene,
    SceneObject,
)

ANY = rf"(?:(?:{'|'.join(COLOURS)}) )?(?:shape|{'|'.join(SHAPES)})"
KINDS = {
    "shapes": "shape",
    "crosses": "cross",
    **{f"{shape}s": shape for shape in SHAPES if shape != "cross"},
}
MANY = rf"((?:(?:{'|'.join(COLOURS)}) )?(?:{'|'.join(KINDS)}))"
THE = rf"the ({ANY})"
SIDE = (
    "(left of|to the left of|right of|to the right of|above|higher up than|below|lower down than)"
)


HALVES = "the left or on the right|left or right|the top or at the bottom|top or bottom"


def fits(scene: GeneratedScene, name: str) -> list[SceneObject]:
    *colour, noun = name.split()
    noun = KINDS.get(noun, noun)
    found = [thing for thing in scene.objects if noun in ("shape", thing.shape)]
    return [thing for thing in found if colour in ([], [thing.colour])]


def the(scene: GeneratedScene, name: str) -> SceneObject:
    (found,) = fits(scene, name)  # or it would be ambiguous
    return found


def beyond(one: SceneObject, side: str, other: SceneObject) -> bool:
    """By the middles of what is drawn; they must be well apart."""
    across, down = one.x - other.x, one.y - other.y
    assert abs(across if "left" in side or "right" in side else down) >= 80
    if "left" in side or "right" in side:
        return across < 0 if "left" in side else across > 0
    return down < 0 if side in ("above", "higher up than") else down > 0


def area(thing: SceneObject) -> int:
    picture = draw(GeneratedScene((thing,), (0, 0, 0), (0, 0, 0), ()), 200)
    return int(picture.any(2).sum())


def derived(scene: GeneratedScene, text: str) -> tuple[str, list[SceneObject]]:
    """The answer to a question as it is written, and the things that it is about."""

    def match(pattern: str) -> re.Match[str] | None:
        return re.fullmatch(pattern + r"\?", text)

    side_first = rf"(?:what is|what lies|which shape is) {SIDE} {THE}"
    if found := match(side_first):
        return neighbour(scene, found[1], found[2], "shape")
    if found := match(rf"(?:what colour is|which colour does) the shape {SIDE} {THE}(?: have)?"):
        return neighbour(scene, found[1], found[2], "colour")
    if found := match(
        rf"(?:what colour is|which colour does|what is the colour of) {THE}(?: have)?"
    ):
        thing = the(scene, found[1])
        return thing.colour, [thing]
    if found := match(
        r"(?:what shape is the (\w+) one|which shape is (\w+)|what is the (\w+) thing)"
    ):
        colour = next(filter(None, found.groups()))
        thing = the(scene, f"{colour} shape")
        return thing.shape, [thing]
    if found := match(rf"(?:how many|what is the number of) {MANY}(?: are there| do you see)?"):
        things = fits(scene, found[1])
        return str(len(things)), things
    if found := match(rf"(?:is there|do you see|does the picture show) (an?) ({ANY})"):
        assert (found[1] == "an") == (found[2][0] in "aeiou")
        things = fits(scene, found[2])
        return yes(bool(things)), things
    if found := match(
        rf"(?:are there more|do you see more|is the number of) {MANY} "
        rf"(?:than|greater than that of) {MANY}"
    ):
        one, other = fits(scene, found[1]), fits(scene, found[2])
        return yes(len(one) > len(other)), one + other
    if found := match(rf"is {THE} (larger than|bigger than|smaller than|not as large as) {THE}"):
        first, second = the(scene, found[1]), the(scene, found[3])
        larger = first.radius > second.radius
        assert larger == (area(first) > area(second)), "larger in every way"
        return yes(larger == (found[2] in ("larger than", "bigger than"))), [first, second]
    if found := match(rf"(?:is|on which side is|at which end is) {THE}(?:,| on| at) ?({HALVES})"):
        thing = the(scene, found[1])
        at = thing.x if "left" in found[2] else thing.y
        assert abs(at - 500) >= 80
        halves = ("left", "right") if "left" in found[2] else ("top", "bottom")
        return halves[at > 500], [thing]
    found = match(rf"is {THE} {SIDE} {THE}")
    assert found, f"no such question: {text}"
    first, second = the(scene, found[1]), the(scene, found[3])
    return yes(beyond(first, found[2], second)), [first, second]


def neighbour(
    scene: GeneratedScene, side: str, name: str, asked: str
) -> tuple[str, list[SceneObject]]:
    thing = the(scene, name)
    others = [other for other in scene.objects if other is not thing]
    (found,) = [other for other in others if beyond(other, side, thing)]
    return getattr(found, asked), [found, thing]


def yes(fact: bool) -> str:
    return "yes" if fact else "no"


def test_every_answer_and_box_is_derived_anew(
    qaset: QASet, scenes: dict[str, GeneratedScene]
) -> None:
    for question in qaset:
        answer, things = derived(scenes[question.image], question.text)
        assert question.answers == ((answer, 1),), question
        assert sorted(question.boxes) == sorted(map(box_of, things)), question


@pytest.mark.parametrize("objects", [3, 8])
def test_other_numbers_of_objects_do_as_well(objects: int) -> None:
    recipe = f"images=30,objects={objects},size=32"
    qaset, scenes = read_scenes(recipe), compose_all(Recipe.parse(recipe))
    counts = {len(scene.objects) for scene in scenes}
    assert min(counts) >= 1
    assert max(counts) == objects
    for question in qaset:
        scene = scenes[int(question.image.partition("/")[2])]
        assert question.answers == ((derived(scene, question.text)[0], 1),)


def test_types_and_meanings(qaset: QASet) -> None:
    kinds = {"colour", "shape", "count", "existence", "comparison", "position"}
    assert {question.question_type for question in qaset} == kinds
    meanings: defaultdict[str, list[Question]] = defaultdict(list)
    for question in qaset:
        answer = question.answers[0][0]
        expected = "yes/no" if answer in ("yes", "no") else "other"
        assert question.answer_type == ("number" if answer.isdigit() else expected)
        assert question.meaning is not None
        meanings[question.meaning].append(question)
    several = [same for same in meanings.values() if len(same) > 1]
    assert len(several) > len(meanings) / 5
    for same in several:
        assert len({question.text for question in same}) == len(same)
        assert len({(q.image, q.answers, q.boxes) for q in same}) == 1
