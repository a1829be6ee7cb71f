"""Generated scenes: coloured shapes and the ground they lie on, composed at random.

All lengths are whole thousandths of the picture's width, so that a scene is the same at any size
in pixels and on any machine.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from askattend.data.scenes.random_stream import RandomStream

# Red, green and blue, 0 to 255.
Colour = tuple[int, int, int]

UNIT = 1000
SHAPES = ("circle", "square", "triangle", "star", "cross", "heart", "ring", "moon")
COLOURS: dict[str, Colour] = {
    "red": (214, 39, 40),
    "orange": (245, 130, 20),
    "yellow": (250, 215, 40),
    "green": (40, 150, 60),
    "cyan": (30, 195, 205),
    "blue": (40, 90, 225),
    "purple": (135, 55, 180),
    "pink": (248, 140, 195),
}
GROUNDS: tuple[Colour, ...] = (
    (245, 243, 238),
    (228, 232, 238),
    (214, 212, 204),
    (148, 150, 150),
    (62, 66, 74),
    (36, 36, 40),
)
# Cosine, sine and their common divisor: Pythagorean triples, so that no platform's sine is asked.
TILTS = ((1, 0, 1), (24, 7, 25), (24, -7, 25), (12, 5, 13), (12, -5, 13))
RADII = (100, 115, 135, 160, 185, 210)
MOST_ALIKE = 4
_TINT = 12  # how far a colour strays from its name's, in each channel
# Corners reach beyond the radius, by less than 0.14 of it: nothing overlaps or leaves the picture.
_EDGE, _GAP = 30, 60
_TRIES = 40


@dataclass(frozen=True, slots=True)
class SceneObject:
    """One coloured shape.

    Attributes:
        shape: one of `SHAPES`.
        colour: one of `COLOURS`.
        x: of its centre, from the left, in thousandths of the picture's width.
        y: of its centre, from the top.
        radius: about half its width and height.
        tilt: which of `TILTS` it is turned by.
        tint: the colour that it is drawn in, near the one named.
    """

    shape: str
    colour: str
    x: int
    y: int
    radius: int
    tilt: int
    tint: Colour


@dataclass(frozen=True, slots=True)
class Stroke:
    """A line of clutter with round ends; (x, y) is one of them, (x + dx, y + dy) the other."""

    x: int
    y: int
    dx: int
    dy: int
    radius: int
    tint: Colour


@dataclass(frozen=True, slots=True)
class GeneratedScene:
    """A picture's description; the ground's colour runs from its top to its bottom."""

    objects: tuple[SceneObject, ...]
    top: Colour
    bottom: Colour
    strokes: tuple[Stroke, ...]


def compose(seed: int, index: int, *, max_objects: int, clutter: float) -> GeneratedScene:
    """Compose scene number `index` of a seed.

    Some shape, or some colour, occurs 0 to 4 times, each equally often: left to chance, most
    would occur once or not at all, and there would be little to count. Apart from that all shapes,
    colours, sizes and places are equally likely, so that none tells of another.

    Args:
        seed: names the stream of scenes.
        index: from 0; whatever the number of scenes, it is the same.
        max_objects: the largest number of objects.
        clutter: share of the scenes whose ground is cluttered.
    """
    rng = RandomStream("scene", seed, index, max_objects)
    objects = _placed(_unplaced(rng, max_objects), rng)
    # Apart from the rest: the same objects lie on the ground with or without clutter.
    rng = RandomStream("ground", seed, index)
    ground = rng.choice(GROUNDS)
    top, bottom = _tinted(ground, rng), _tinted(ground, rng)
    cluttered = rng.below(UNIT) < round(clutter * UNIT)
    count = rng.between(10, 24) if cluttered else 0
    strokes = tuple(_stroke(ground, rng) for _ in range(count))
    return GeneratedScene(tuple(objects), top, bottom, strokes)


def _unplaced(rng: RandomStream, max_objects: int) -> list[SceneObject]:
    """Draw shapes and colours of objects that have no place or size yet."""
    alike = rng.between(0, min(MOST_ALIKE, max_objects))
    count = rng.between(max(alike, 1), max_objects)
    # Either a shape or a colour is the theme that several objects share.
    common, other = (SHAPES, tuple(COLOURS)) if rng.below(2) else (tuple(COLOURS), SHAPES)
    theme = rng.choice(common)
    rest = [name for name in common if name != theme]
    # The others take any name but the theme, so that exactly `alike` objects share it.
    names = [theme if index < alike else rng.choice(rest) for index in range(count)]
    pairs = [(name, rng.choice(other)) for name in rng.shuffled(names)]
    if common is not SHAPES:
        pairs = [(shape, colour) for colour, shape in pairs]
    return [_turned_and_tinted(shape, colour, rng) for shape, colour in pairs]


def _turned_and_tinted(shape: str, colour: str, rng: RandomStream) -> SceneObject:
    tilt, tint = rng.below(len(TILTS)), _tinted(COLOURS[colour], rng)
    return SceneObject(shape, colour, 0, 0, 0, tilt, tint)


def _tinted(colour: Colour, rng: RandomStream) -> Colour:
    red, green, blue = (min(max(c + rng.between(-_TINT, _TINT), 0), 255) for c in colour)
    return red, green, blue


def _placed(objects: list[SceneObject], rng: RandomStream) -> list[SceneObject]:
    """Give the objects sizes and places, none upon another."""
    while True:
        placed: list[SceneObject] = []
        for thing in objects:
            radius = _shrunk(rng.choice(RADII), len(objects))
            found = _find_free_place(thing, placed, radius, rng)
            if found is None:
                break  # there may be no free place left: all anew
            placed.append(found)
        else:
            return placed


def _shrunk(radius: int, count: int) -> int:
    """Shrink a radius where there are more than four objects, which would hardly fit."""
    return radius if count <= 4 else radius * 4 // (count + 1)


def _find_free_place(
    thing: SceneObject, placed: list[SceneObject], radius: int, rng: RandomStream
) -> SceneObject | None:
    """Find a free place for an object; None if the tries are used up."""
    low, high = radius + _EDGE, UNIT - radius - _EDGE
    for _ in range(_TRIES):
        x, y = rng.between(low, high), rng.between(low, high)
        if all(
            (x - other.x) ** 2 + (y - other.y) ** 2 >= (radius + other.radius + _GAP) ** 2
            for other in placed
        ):
            return replace(thing, x=x, y=y, radius=radius)
    return None


def _stroke(ground: Colour, rng: RandomStream) -> Stroke:
    """Draw a stroke of grey, little lighter or darker than the ground."""
    # A stroke must be told from the ground, but never be taken for an object.
    change = rng.between(12, 30) * (1 if rng.below(2) else -1)
    red, green, blue = (min(max(channel + change, 0), 255) for channel in ground)
    x, y = rng.below(UNIT), rng.below(UNIT)
    dx, dy = rng.between(-110, 110), rng.between(-110, 110)
    return Stroke(x, y, dx, dy, rng.between(4, 12), (red, green, blue))
