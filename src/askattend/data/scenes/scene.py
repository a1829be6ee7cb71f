"""What is in a generated picture: coloured shapes and the ground they lie on.

All lengths are whole thousandths of the picture's width, so that a scene is the same at any size
in pixels and on any machine.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from askattend.data.scenes.draws import Draws

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
class Thing:
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
class Scene:
    """A picture's description; the ground's colour runs from its top to its bottom."""

    things: tuple[Thing, ...]
    top: Colour
    bottom: Colour
    strokes: tuple[Stroke, ...]


def compose(seed: int, index: int, *, objects: int, clutter: float) -> Scene:
    """Scene number `index` of a seed.

    Some shape, or some colour, occurs 0 to 4 times, each equally often: left to chance, most
    would occur once or not at all, and there would be little to count. Apart from that all shapes,
    colours, sizes and places are equally likely, so that none tells of another.

    Args:
        seed: names the stream of scenes.
        index: from 0; whatever the number of scenes, it is the same.
        objects: the largest number of shapes.
        clutter: share of the scenes whose ground is cluttered.
    """
    draws = Draws("scene", seed, index, objects)
    things = _placed(_named(draws, objects), draws)
    # Apart from the rest: the same shapes lie on the ground with or without clutter.
    draws = Draws("ground", seed, index)
    ground = draws.choice(GROUNDS)
    top, bottom = _tinted(ground, draws), _tinted(ground, draws)
    cluttered = draws.below(UNIT) < round(clutter * UNIT)
    count = draws.between(10, 24) if cluttered else 0
    return Scene(tuple(things), top, bottom, tuple(_stroke(ground, draws) for _ in range(count)))


def _named(draws: Draws, objects: int) -> list[Thing]:
    """Shapes and colours, not yet placed."""
    alike = draws.between(0, min(MOST_ALIKE, objects))
    count = draws.between(max(alike, 1), objects)
    common, other = (SHAPES, tuple(COLOURS)) if draws.below(2) else (tuple(COLOURS), SHAPES)
    theme = draws.choice(common)
    rest = [name for name in common if name != theme]
    names = [theme if place < alike else draws.choice(rest) for place in range(count)]
    pairs = [(name, draws.choice(other)) for name in draws.shuffled(names)]
    if common is not SHAPES:
        pairs = [(shape, colour) for colour, shape in pairs]
    return [_unplaced(shape, colour, draws) for shape, colour in pairs]


def _unplaced(shape: str, colour: str, draws: Draws) -> Thing:
    tilt, tint = draws.below(len(TILTS)), _tinted(COLOURS[colour], draws)
    return Thing(shape, colour, 0, 0, 0, tilt, tint)


def _tinted(colour: Colour, draws: Draws) -> Colour:
    red, green, blue = (min(max(c + draws.between(-_TINT, _TINT), 0), 255) for c in colour)
    return red, green, blue


def _placed(things: list[Thing], draws: Draws) -> list[Thing]:
    """The things with sizes and places, none upon another."""
    while True:
        placed: list[Thing] = []
        for thing in things:
            spot = _spot(thing, placed, _shrunk(draws.choice(RADII), len(things)), draws)
            if spot is None:
                break  # there may be no room left; all anew
            placed.append(spot)
        else:
            return placed


def _shrunk(radius: int, count: int) -> int:
    """More than four would hardly find room."""
    return radius if count <= 4 else radius * 4 // (count + 1)


def _spot(thing: Thing, placed: list[Thing], radius: int, draws: Draws) -> Thing | None:
    low, high = radius + _EDGE, UNIT - radius - _EDGE
    for _ in range(_TRIES):
        x, y = draws.between(low, high), draws.between(low, high)
        if all(
            (x - other.x) ** 2 + (y - other.y) ** 2 >= (radius + other.radius + _GAP) ** 2
            for other in placed
        ):
            return replace(thing, x=x, y=y, radius=radius)
    return None


def _stroke(ground: Colour, draws: Draws) -> Stroke:
    """Grey, and little lighter or darker than the ground."""
    change = draws.between(12, 30) * (1 if draws.below(2) else -1)
    red, green, blue = (min(max(channel + change, 0), 255) for channel in ground)
    x, y = draws.below(UNIT), draws.below(UNIT)
    dx, dy = draws.between(-110, 110), draws.between(-110, 110)
    return Stroke(x, y, dx, dy, draws.between(4, 12), (red, green, blue))
