"""Generated scenes: the same everywhere, balanced, and every answer derived a second time."""

from __future__ import annotations

import hashlib
import re
from collections import Counter, defaultdict
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from askattend.data.questions import QASet, Question
from askattend.data.readers.registry import absolute_source, read_source
from askattend.data.readers.scenes import Recipe, compose_all, read_scenes
from askattend.data.scenes.draws import Draws
from askattend.data.scenes.rasterise import OUTLINES, box_of, draw
from askattend.data.scenes.scene import COLOURS, GROUNDS, SHAPES, Scene, Stroke, Thing, compose
from askattend.errors import AskAttendError, DataError
from askattend.metrics.floors import Floors

RECIPE = "images=200,seed=3,size=48"


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def _cached(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASKATTEND_CACHE", str(cache))


@pytest.fixture(scope="module")
def qaset(cache: Path) -> QASet:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ASKATTEND_CACHE", str(cache))
        return read_scenes(RECIPE)


@pytest.fixture(scope="module")
def scenes() -> dict[str, Scene]:
    return {f"3/{i}": scene for i, scene in enumerate(compose_all(Recipe.parse(RECIPE)))}


# --- what a seed means ------------------------------------------------------------------------


def test_a_seed_is_the_same_everywhere_and_for_ever() -> None:
    """By hand: 8 bytes of BLAKE2b at a time, of the key and a counter."""
    blocks = b"".join(hashlib.blake2b(b"scene:7#%d" % counter).digest() for counter in range(3))
    words = [int.from_bytes(blocks[at : at + 8], "big") for at in range(0, len(blocks), 8)]
    draws = Draws("scene", 7)
    assert [draws.below(1000) for _ in words] == [word % 1000 for word in words]
    assert Draws(1, 2).below(2**64) != Draws(12).below(2**64)


@given(st.lists(st.integers(), max_size=9), st.integers())
def test_shuffling_keeps_everything(options: list[int], key: int) -> None:
    assert sorted(Draws(key).shuffled(options)) == sorted(options)


def test_the_same_recipe_gives_the_same_questions_and_pixels(qaset: QASet, tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ASKATTEND_CACHE", str(tmp_path))
        again = read_scenes("images=40,seed=3,size=48")
    assert again.questions == qaset.questions[: len(again)]
    for image in again.images:
        assert again.images[image] != qaset.images[image]
        assert again.images[image].read_bytes() == qaset.images[image].read_bytes()
    other = read_scenes("images=10,seed=4,size=48")
    assert [q.text for q in other] != [q.text for q in qaset.questions[: len(other)]]


def test_fewer_pictures_are_the_first_of_more(qaset: QASet) -> None:
    few = read_scenes("images=37,seed=3,size=48")
    assert few.questions == qaset.questions[: len(few)]
    assert few.images == {image: qaset.images[image] for image in few.images}


def test_size_and_clutter_change_no_question(qaset: QASet) -> None:
    other = read_scenes("images=30,seed=3,size=32,clutter=0")
    assert other.questions == qaset.questions[: len(other)]
    with Image.open(other.images["3/0"]) as picture:
        assert picture.size == (32, 32)


def test_clutter_is_the_share_of_cluttered_grounds() -> None:
    for clutter, low, high in ((0.0, 0, 0), (0.3, 18, 42), (1.0, 100, 100)):
        found = [compose(0, i, objects=4, clutter=clutter) for i in range(100)]
        assert low <= sum(bool(scene.strokes) for scene in found) <= high


# --- the pixels -------------------------------------------------------------------------------


def belongs(shape: str, x: Fraction, y: Fraction) -> bool:
    """Whether a point lies in a shape of radius 1 around (0, 0), by its geometry alone."""
    squared = x * x + y * y
    if shape == "circle":
        return squared <= 1
    if shape == "ring":
        return Fraction(36, 100) <= squared <= 1
    if shape == "moon":
        x -= Fraction(15, 100)
        bite = (x - Fraction(55, 100)) ** 2 + y * y
        return x * x + y * y <= 1 and bite >= Fraction(64, 100)
    if shape == "square":
        return abs(x) <= Fraction(8, 10) and abs(y) <= Fraction(8, 10)
    if shape == "cross":
        third = Fraction(1, 3)
        bars = (abs(x) <= third and abs(y) <= 1, abs(y) <= third and abs(x) <= 1)
        return any(bars)
    if shape == "triangle":
        return y <= Fraction(5, 8) and abs(x) * Fraction(97, 56) <= y + 1
    if shape == "heart":
        y, d = y - Fraction(1, 10), Fraction(8, 10)
        lobe = min((x - d / 2) ** 2, (x + d / 2) ** 2) + (y + d / 2) ** 2
        return abs(x) + abs(y) <= d or lobe <= d * d / 2
    assert shape == "star"
    normals = ((0, 1000), (951, 309), (-951, 309), (588, -809), (-588, -809))
    sides = [p * x - q * y <= 340 for p, q in normals]
    return sum(sides) >= 4


def naive_picture(scene: Scene, size: int) -> np.ndarray:
    """A loop over pixels and their samples; whole numbers but for fractions, which are exact."""
    picture = np.zeros((size, size, 3), np.uint8)
    for row in range(size):
        for column in range(size):
            pixel = [
                (top * (size - 1 - row) + bottom * row) // (size - 1)
                for top, bottom in zip(scene.top, scene.bottom, strict=True)
            ]
            samples = [(8 * column + i, 8 * row + j) for i in (1, 3, 5, 7) for j in (1, 3, 5, 7)]
            for stroke in scene.strokes:
                covered = sum(in_stroke(stroke, x, y, size) for x, y in samples)
                pixel = mixed(pixel, stroke.tint, covered)
            for thing in scene.things:
                covered = sum(in_thing(thing, x, y, size) for x, y in samples)
                pixel = mixed(pixel, thing.tint, covered)
            picture[row, column] = pixel
    return picture


def mixed(pixel: list[int], tint: tuple[int, int, int], covered: int) -> list[int]:
    return [
        (old * (16 - covered) + new * covered + 8) // 16
        for old, new in zip(pixel, tint, strict=True)
    ]


def in_thing(thing: Thing, x: int, y: int, size: int) -> bool:
    """Lengths are eighths of a pixel; a thing's centre lies between pixels."""
    radius = thing.radius * 8 * size // 1000
    x -= 8 * int(Fraction(thing.x * size, 1000) + Fraction(1, 2))
    y -= 8 * int(Fraction(thing.y * size, 1000) + Fraction(1, 2))
    if 2 * radius < max(abs(x), abs(y)):
        return False  # as all shapes end well before; saves time
    cosine, sine = {
        0: (Fraction(1), Fraction(0)),
        1: (Fraction(24, 25), Fraction(7, 25)),
        2: (Fraction(24, 25), Fraction(-7, 25)),
        3: (Fraction(12, 13), Fraction(5, 13)),
        4: (Fraction(12, 13), Fraction(-5, 13)),
    }[thing.tilt]
    u, v = cosine * x + sine * y, cosine * y - sine * x
    return belongs(thing.shape, u / radius, v / radius)


def in_stroke(stroke: Stroke, x: int, y: int, size: int) -> bool:
    """Whether a sample's distance from the nearest point of the line is within the radius."""
    x0, y0, x1, y1, radius = (
        length * 8 * size // 1000
        for length in (
            stroke.x,
            stroke.y,
            stroke.x + stroke.dx,
            stroke.y + stroke.dy,
            stroke.radius,
        )
    )
    if max(abs(x - x0), abs(y - y0)) > 2 * size:
        return False  # as a stroke is far shorter; saves time
    dx, dy, length = x1 - x0, y1 - y0, (x1 - x0) ** 2 + (y1 - y0) ** 2
    along = Fraction((x - x0) * dx + (y - y0) * dy, length) if length else Fraction(0)
    along = min(max(along, Fraction(0)), Fraction(1))
    return (x - x0 - along * dx) ** 2 + (y - y0 - along * dy) ** 2 <= radius * radius


@pytest.mark.parametrize(("seed", "index"), [(0, 0), (1, 3)])
def test_pixels_are_those_of_a_naive_drawing(seed: int, index: int) -> None:
    scene = compose(seed, index, objects=5, clutter=1)
    np.testing.assert_array_equal(draw(scene, 24), naive_picture(scene, 24))


def test_every_shape_and_tilt_is_that_of_a_naive_drawing() -> None:
    for place, shape in enumerate(SHAPES):
        thing = Thing(shape, "red", 500, 480, 400, place % 5, (250, 0, 0))
        scene = Scene((thing,), (0, 0, 250), (0, 250, 0), ())
        np.testing.assert_array_equal(draw(scene, 17), naive_picture(scene, 17))


def test_files_hold_the_pixels(qaset: QASet, scenes: dict[str, Scene]) -> None:
    for image in list(qaset.images)[:20]:
        with Image.open(qaset.images[image]) as picture:
            np.testing.assert_array_equal(np.asarray(picture), draw(scenes[image], 48))


def test_boxes_hold_the_things_tightly(scenes: dict[str, Scene]) -> None:
    """Drawn alone at 200 px, things fill their boxes to a pixel or two; no two overlap."""
    black = (0, 0, 0)
    for scene in list(scenes.values())[:40]:
        total = np.zeros((200, 200), int)
        for thing in scene.things:
            picture = draw(Scene((thing,), black, black, ()), 200).any(axis=2)
            rows, columns = np.nonzero(picture)
            drawn = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
            np.testing.assert_allclose(np.array(box_of(thing)) * 200, drawn, atol=1.8)
            assert all(0 <= side <= 1 for side in box_of(thing))
            total += picture
        assert total.max() <= 1


def test_colours_are_told_by_the_pixels(scenes: dict[str, Scene]) -> None:
    """The pixels in a thing's box that are not of the ground are nearest to its colour's name."""
    names, values = list(COLOURS), np.array(list(COLOURS.values()))
    for scene in list(scenes.values())[:40]:
        picture = draw(scene, 100).astype(int)
        for thing in scene.things:
            left, top, right, bottom = (round(side * 100) for side in box_of(thing))
            inside = picture[top:bottom, left:right].reshape(-1, 3)
            near = abs(inside[:, None] - values).sum(2)
            votes = Counter(near.argmin(1)[near.min(1) <= 36])
            assert names[votes.most_common(1)[0][0]] == thing.colour


def test_colours_stand_out_from_each_other_and_from_every_ground() -> None:
    colours = np.array(list(COLOURS.values()))
    apart = abs(colours[:, None] - colours).sum(2) + 1000 * np.eye(len(colours), dtype=int)
    assert apart.min() > 4 * 24  # twice what two tints can stray, and as much again
    assert abs(colours[:, None] - np.array(GROUNDS)).sum(2).min() > 100


def test_shapes_are_named_alike_everywhere() -> None:
    assert tuple(OUTLINES) == SHAPES


# --- the answers ------------------------------------------------------------------------------

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


def fits(scene: Scene, name: str) -> list[Thing]:
    *colour, noun = name.split()
    noun = KINDS.get(noun, noun)
    found = [thing for thing in scene.things if noun in ("shape", thing.shape)]
    return [thing for thing in found if colour in ([], [thing.colour])]


def the(scene: Scene, name: str) -> Thing:
    (found,) = fits(scene, name)  # or it would be ambiguous
    return found


def beyond(one: Thing, side: str, other: Thing) -> bool:
    """By the middles of what is drawn; they must be well apart."""
    across, down = one.x - other.x, one.y - other.y
    assert abs(across if "left" in side or "right" in side else down) >= 80
    if "left" in side or "right" in side:
        return across < 0 if "left" in side else across > 0
    return down < 0 if side in ("above", "higher up than") else down > 0


def area(thing: Thing) -> int:
    picture = draw(Scene((thing,), (0, 0, 0), (0, 0, 0), ()), 200)
    return int(picture.any(2).sum())


def derived(scene: Scene, text: str) -> tuple[str, list[Thing]]:
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


def neighbour(scene: Scene, side: str, name: str, asked: str) -> tuple[str, list[Thing]]:
    thing = the(scene, name)
    others = [other for other in scene.things if other is not thing]
    (found,) = [other for other in others if beyond(other, side, thing)]
    return getattr(found, asked), [found, thing]


def yes(fact: bool) -> str:
    return "yes" if fact else "no"


def test_every_answer_and_box_is_derived_anew(qaset: QASet, scenes: dict[str, Scene]) -> None:
    for question in qaset:
        answer, things = derived(scenes[question.image], question.text)
        assert question.answers == ((answer, 1),), question
        assert sorted(question.boxes) == sorted(map(box_of, things)), question


@pytest.mark.parametrize("objects", [3, 8])
def test_other_numbers_of_objects_do_as_well(objects: int) -> None:
    recipe = f"images=30,objects={objects},size=32"
    qaset, scenes = read_scenes(recipe), compose_all(Recipe.parse(recipe))
    counts = {len(scene.things) for scene in scenes}
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


# --- the set ----------------------------------------------------------------------------------


def test_splits_share_no_picture(qaset: QASet) -> None:
    images = {name: set(qaset.split(name).images) for name in qaset.splits}
    assert {name: len(found) for name, found in images.items()} == {
        "train": 160,
        "valid": 20,
        "test": 20,
    }
    assert len(set.union(*images.values())) == 200
    assert [question.id for question in qaset] == list(range(len(qaset)))
    assert all(file.is_file() for file in qaset.images.values())


def test_questions_alone_give_little_away(qaset: QASet) -> None:
    """Of each type, the best guess from the first words is little better than chance."""
    train, test = qaset.split("train").questions, qaset.split("valid").questions
    test += qaset.split("test").questions
    chance = {"colour": 1 / 8, "shape": 1 / 8, "count": 1 / 4, "existence": 1 / 2}
    chance |= {"comparison": 1 / 2, "position": 1 / 4}
    for kind, expected in chance.items():
        floors = Floors.build(q for q in train if q.question_type == kind)
        scored = floors.accuracy([q for q in test if q.question_type == kind])
        assert max(scored.values()) < expected + 0.1, kind
    assert max(Floors.build(train).accuracy(test).values()) < 0.34


def test_answers_to_one_question_are_evenly_spread(qaset: QASet) -> None:
    answers: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for question in qaset.split("train"):
        assert question.meaning is not None
        answers[question.meaning.partition(" ")[2]][question.answers[0][0]] += 1
    common = {meaning: found for meaning, found in answers.items() if found.total() >= 20}
    assert len(common) > 10
    for meaning, found in common.items():
        possible = 8 if meaning.startswith(("colour", "shape")) else 2
        if meaning.startswith("count"):
            possible = 4 if meaning == "count(shape)" else 5
        assert found.most_common(1)[0][1] <= found.total() / possible + 9, meaning


# --- the command line and the disk ------------------------------------------------------------


def test_it_is_read_by_its_name(qaset: QASet) -> None:
    assert read_source("scenes:images=1,seed=3,size=48").questions[0] == qaset.questions[0]
    assert qaset.source == "scenes:images=200,seed=3,size=48,objects=4,clutter=0.5"
    assert absolute_source("scenes: clutter = 1 ,size=48") == absolute_source(
        "scenes:size=48,clutter=1.0"
    )
    assert absolute_source("scenes") == f"scenes:{Recipe()}"


@given(
    st.builds(
        Recipe,
        images=st.integers(1, 10**9),
        seed=st.integers(0, 2**32 - 1),
        size=st.integers(32, 1024),
        objects=st.integers(3, 8),
        clutter=st.floats(0, 1),
    )
)
def test_a_recipe_is_read_as_it_is_written(recipe: Recipe) -> None:
    assert Recipe.parse(str(recipe)) == recipe


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        ("image=5", r"'scenes:image=5': unknown setting 'image'\. Did you mean 'images'\?"),
        ("images=0", r"images = 0: expected int >= 1"),
        ("images=2.5", r"images = 2\.5: expected int"),
        ("size=16", r"size = 16: expected a number between 32 and"),
        ("objects=9", r"objects = 9: expected a number between 3 and 8"),
        ("clutter=1.5", r"clutter = 1\.5: expected a number between 0 and 1"),
        ("clutter=nan", r"clutter = nan"),
        ("seed=x", r"'seed' is 'x', not a number\. Write KEY=NUMBER,…, for example scenes:images="),
        ("seed", r"'seed' has no value"),
        ("seed=1,,size=64", r"'' has no value"),
        ("seed=1,seed=2", r"'seed' is there twice"),
        ("folder/scenes.json", r"'folder/scenes\.json' has no value"),
    ],
)
def test_mistakes_are_named(recipe: str, message: str) -> None:
    with pytest.raises(AskAttendError, match=message):
        read_source(f"scenes:{recipe}")


def test_what_is_lacking_is_drawn_and_the_rest_left() -> None:
    images = read_scenes("images=9,size=40").images
    gone, kept = images["0/4"], images["0/5"]
    content, written = gone.read_bytes(), kept.stat().st_mtime_ns
    gone.unlink()
    assert read_scenes("images=9,size=40").images == images
    assert gone.read_bytes() == content
    assert kept.stat().st_mtime_ns == written
    assert not [file for file in gone.parent.iterdir() if file.suffix != ".png"]


def test_a_folder_that_cannot_be_written_to_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("ASKATTEND_CACHE", str(tmp_path / "file"))
    with pytest.raises(DataError, match=r"file/scenes/.*cannot be written .*ASKATTEND_CACHE"):
        read_scenes("images=1")


def test_without_a_home_the_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless(path: Path) -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("ASKATTEND_CACHE")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "expanduser", homeless)
    with pytest.raises(DataError, match=r"no home folder .*ASKATTEND_CACHE"):
        read_scenes("images=1")


def test_without_the_variable_the_users_cache_folder_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ASKATTEND_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert read_scenes("images=1").images["0/0"].is_relative_to(tmp_path / "xdg" / "askattend")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    expected = tmp_path / ".cache" / "askattend" / "scenes"
    assert read_scenes("images=1").images["0/0"].is_relative_to(expected)
