"""Pixels and boxes of scenes, against a naive drawing in fractions."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction

import numpy as np
import pytest

from askattend.data.scenes.rasterise import OUTLINES, box_of, draw
from askattend.data.scenes.scene import (
    COLOURS,
    SHAPES,
    GeneratedScene,
    SceneObject,
    Stroke,
    compose,
)


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


def naive_picture(scene: GeneratedScene, size: int) -> np.ndarray:
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
            for thing in scene.objects:
                covered = sum(in_thing(thing, x, y, size) for x, y in samples)
                pixel = mixed(pixel, thing.tint, covered)
            picture[row, column] = pixel
    return picture


def mixed(pixel: list[int], tint: tuple[int, int, int], covered: int) -> list[int]:
    return [
        (old * (16 - covered) + new * covered + 8) // 16
        for old, new in zip(pixel, tint, strict=True)
    ]


def in_thing(thing: SceneObject, x: int, y: int, size: int) -> bool:
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
    scene = compose(seed, index, max_objects=5, clutter=1)
    np.testing.assert_array_equal(draw(scene, 24), naive_picture(scene, 24))


def test_every_shape_and_tilt_is_that_of_a_naive_drawing() -> None:
    for place, shape in enumerate(SHAPES):
        thing = SceneObject(shape, "red", 500, 480, 400, place % 5, (250, 0, 0))
        scene = GeneratedScene((thing,), (0, 0, 250), (0, 250, 0), ())
        np.testing.assert_array_equal(draw(scene, 17), naive_picture(scene, 17))


def test_boxes_hold_the_things_tightly(scenes: dict[str, GeneratedScene]) -> None:
    """Drawn alone at 200 px, things fill their boxes to a pixel or two; no two overlap."""
    black = (0, 0, 0)
    for scene in list(scenes.values())[:40]:
        total = np.zeros((200, 200), int)
        for thing in scene.objects:
            picture = draw(GeneratedScene((thing,), black, black, ()), 200).any(axis=2)
            rows, columns = np.nonzero(picture)
            drawn = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
            np.testing.assert_allclose(np.array(box_of(thing)) * 200, drawn, atol=1.8)
            assert all(0 <= side <= 1 for side in box_of(thing))
            total += picture
        assert total.max() <= 1


def test_colours_are_told_by_the_pixels(scenes: dict[str, GeneratedScene]) -> None:
    """The pixels in a thing's box that are not of the ground are nearest to its colour's name."""
    names, values = list(COLOURS), np.array(list(COLOURS.values()))
    for scene in list(scenes.values())[:40]:
        picture = draw(scene, 100).astype(int)
        for thing in scene.objects:
            left, top, right, bottom = (round(side * 100) for side in box_of(thing))
            inside = picture[top:bottom, left:right].reshape(-1, 3)
            near = abs(inside[:, None] - values).sum(2)
            votes = Counter(near.argmin(1)[near.min(1) <= 36])
            assert names[votes.most_common(1)[0][0]] == thing.colour


def test_shapes_are_named_alike_everywhere() -> None:
    assert tuple(OUTLINES) == SHAPES
