"""Scenes as pixels, in whole numbers throughout: the same pixels on every machine.

A drawing library's anti-aliasing may change with its version. Here a pixel's coverage is how many
of its 4 × 4 sample points lie inside a shape, which integer inequalities decide.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache, lru_cache

import numpy as np
import numpy.typing as npt
from jaxtyping import UInt8

from askattend.data.questions import Box
from askattend.data.scenes.scene import (
    TILTS,
    UNIT,
    Colour,
    GeneratedScene,
    SceneObject,
    Stroke,
)

SAMPLES = 4  # along each side of a pixel
_STEPS = 2 * SAMPLES  # a pixel's side; samples lie at its odd steps

# Of rows × columns, or of a single row or column to be broadcast.
Integers = npt.NDArray[np.int64]
Inside = npt.NDArray[np.bool_]
# Red, green and blue, or a coverage: small enough to be multiplied by one another.
Canvas = npt.NDArray[np.int16]

# --- the shapes: which points (u to the right, v down) belong to one of radius r around (0, 0) --


def _circle(u: Integers, v: Integers, r: int) -> Inside:
    return u * u + v * v <= r * r


def _square(u: Integers, v: Integers, r: int) -> Inside:
    return 5 * np.maximum(abs(u), abs(v)) <= 4 * r


def _triangle(u: Integers, v: Integers, r: int) -> Inside:
    """Equilateral, but for 97/56 in the place of √3."""
    return (8 * v <= 5 * r) & (97 * abs(u) <= 56 * (v + r))


# Unit vectors across the sides of a pentagram, to the right and up, in thousandths.
_PENTAGRAM = ((0, 1000), (951, 309), (-951, 309), (588, -809), (-588, -809))


def _star(u: Integers, v: Integers, r: int) -> Inside:
    """A pentagram: the points beyond one of its five lines at most, each at 0.34 r."""
    beyond = [p * u - q * v > 340 * r for p, q in _PENTAGRAM]
    times: Integers = np.sum(beyond, axis=0)
    return times <= 1


def _cross(u: Integers, v: Integers, r: int) -> Inside:
    u, v = abs(u), abs(v)
    return (3 * np.minimum(u, v) <= r) & (np.maximum(u, v) <= r)


def _heart(u: Integers, v: Integers, r: int) -> Inside:
    """A square on its corner of half-diagonal 0.8 r, and the discs on its upper sides."""
    # Scaled by ten, so that 0.8 r and the shift of 0.1 r are whole.
    u, v, d = 10 * abs(u), 10 * v - r, 8 * r
    a, b = 2 * u - d, 2 * v + d
    return (u + abs(v) <= d) | (a * a + b * b <= 2 * d * d)


def _ring(u: Integers, v: Integers, r: int) -> Inside:
    squared = u * u + v * v
    return (squared <= r * r) & (25 * squared >= 9 * r * r)


def _moon(u: Integers, v: Integers, r: int) -> Inside:
    """A disc, less another of 0.8 r that lies 0.55 r to its right; all pushed 0.15 r right."""
    # Scaled by twenty, so that 0.15 r and 0.55 r are whole.
    u, v, r = 20 * u - 3 * r, 20 * v, 20 * r
    bite = u - r * 11 // 20
    return (u * u + v * v <= r * r) & (25 * (bite * bite + v * v) >= 16 * r * r)


OUTLINES: Mapping[str, Callable[[Integers, Integers, int], Inside]] = {
    "circle": _circle,
    "square": _square,
    "triangle": _triangle,
    "star": _star,
    "cross": _cross,
    "heart": _heart,
    "ring": _ring,
    "moon": _moon,
}

# --- where they lie ---------------------------------------------------------------------------


def box_of(thing: SceneObject) -> Box:
    """Return the box that just holds an object."""
    left, top, right, bottom = _extent(thing.shape, thing.tilt)
    x, y, scale = thing.x * UNIT, thing.y * UNIT, UNIT * UNIT
    return (
        (x + left * thing.radius) / scale,
        (y + top * thing.radius) / scale,
        (x + right * thing.radius) / scale,
        (y + bottom * thing.radius) / scale,
    )


@cache
def _extent(shape: str, tilt: int) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of a shape of radius 1000, to 8 in 1000."""
    steps = np.arange(-1400, 1401, 8, dtype=np.int64)
    inside = _inside(shape, tilt, steps[None, :], steps[:, None], 1000)
    columns, rows = steps[inside.any(0)], steps[inside.any(1)]
    return int(columns[0]), int(rows[0]), int(columns[-1]), int(rows[-1])


def _inside(shape: str, tilt: int, x: Integers, y: Integers, radius: int) -> Inside:
    """Tell which of the points belong to a shape, turned by its tilt."""
    cosine, sine, divisor = TILTS[tilt]
    # The points are turned back, not the shape; the divisor moves to the radius.
    u, v = cosine * x + sine * y, cosine * y - sine * x
    return OUTLINES[shape](u, v, radius * divisor)


# --- drawing ----------------------------------------------------------------------------------


def draw(scene: GeneratedScene, size: int) -> UInt8[np.ndarray, "size size 3"]:
    """Draw a scene as red, green and blue.

    Args:
        scene: what to draw: its ground, then the clutter, then the objects.
        size: side of the picture in pixels.
    """
    canvas = _ground(scene.top, scene.bottom, size)
    for stroke in scene.strokes:
        _draw_stroke(canvas, stroke)
    for thing in scene.objects:
        _draw_object(canvas, thing)
    return canvas.astype(np.uint8)


def _ground(top: Colour, bottom: Colour, size: int) -> Canvas:
    rows = np.arange(size, dtype=np.int64)[:, None]
    blend = (np.array(top) * (size - 1 - rows) + np.array(bottom) * rows) // max(size - 1, 1)
    return np.repeat(blend[:, None, :], size, axis=1).astype(np.int16)


def _draw_object(canvas: Canvas, thing: SceneObject) -> None:
    """Draw an object at the nearest whole pixel, so that its shape's coverage can be cached."""
    size = len(canvas)
    covered = _coverage(thing.shape, thing.tilt, _steps(thing.radius, size))
    half = len(covered) // 2
    column, row = ((2 * at * size + UNIT) // (2 * UNIT) - half for at in (thing.x, thing.y))
    # It reaches to a shape's furthest corner, and may hang over the edge with nothing in it.
    left, top = max(-column, 0), max(-row, 0)
    part = covered[top : size - row, left : size - column]
    column, row = column + left, row + top
    _paint(canvas[row : row + part.shape[0], column : column + part.shape[1]], part, thing.tint)


@lru_cache(maxsize=1024)
def _coverage(shape: str, tilt: int, radius: int) -> Canvas:
    """Count the samples of each pixel inside a shape whose centre is between the middle ones."""
    half = radius * 6 // (5 * _STEPS) + 1
    at = np.arange(1 - half * _STEPS, half * _STEPS, 2, dtype=np.int64)
    return _count_samples(_inside(shape, tilt, at[None, :], at[:, None], radius))


def _draw_stroke(canvas: Canvas, stroke: Stroke) -> None:
    size = len(canvas)
    x, y = _steps(stroke.x, size), _steps(stroke.y, size)
    dx, dy = _steps(stroke.x + stroke.dx, size) - x, _steps(stroke.y + stroke.dy, size) - y
    radius = _steps(stroke.radius, size)
    columns, across = _samples(min(x, x + dx) - radius, max(x, x + dx) + radius, size)
    rows, down = _samples(min(y, y + dy) - radius, max(y, y + dy) + radius, size)
    if columns.start >= columns.stop or rows.start >= rows.stop:
        return
    u, v = across[None, :] - x, down[:, None] - y
    _paint(canvas[rows, columns], _count_samples(_in_stroke(u, v, dx, dy, radius)), stroke.tint)


def _in_stroke(u: Integers, v: Integers, dx: int, dy: int, radius: int) -> Inside:
    """Tell which points are within `radius` of the line from (0, 0) to (dx, dy)."""
    length = dx * dx + dy * dy
    along, aside, reach = u * dx + v * dy, u * dy - v * dx, radius * radius
    beside = (along >= 0) & (along <= length) & (aside * aside <= reach * length)
    return beside | (u * u + v * v <= reach) | ((u - dx) ** 2 + (v - dy) ** 2 <= reach)


def _steps(length: int, size: int) -> int:
    """Turn thousandths of the picture's width into steps."""
    return length * _STEPS * size // UNIT


def _samples(low: int, high: int, size: int) -> tuple[slice, Integers]:
    """Return the pixels from one step to another, and where their samples lie."""
    first, last = max(low // _STEPS, 0), min(high // _STEPS + 1, size)
    return slice(first, last), np.arange(first * _STEPS + 1, last * _STEPS, 2, dtype=np.int64)


def _count_samples(inside: Inside) -> Canvas:
    """Count the samples of each pixel that are inside."""
    # As bytes, without a copy: booleans cannot be added up.
    samples = inside.view(np.uint8)
    counts: Canvas = np.zeros((len(samples) // SAMPLES, samples.shape[1] // SAMPLES), np.int16)
    for row in range(SAMPLES):
        for column in range(SAMPLES):
            counts += samples[row::SAMPLES, column::SAMPLES]
    return counts


def _paint(pixels: Canvas, covered: Canvas, tint: Colour) -> None:
    """Lay a colour over pixels, as thick as their samples lie inside; rounds half up."""
    full = SAMPLES * SAMPLES
    thick = covered[..., None]
    pixels[:] = (pixels * (full - thick) + np.array(tint, np.int16) * thick + full // 2) // full
