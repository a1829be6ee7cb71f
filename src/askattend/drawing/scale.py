"""The scale of all maps: how many times an even share a region has, as a tint."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from PIL import Image

Floats = npt.NDArray[np.float32]
Pixels = npt.NDArray[np.float64]
# Tints from an even share to the strongest, and how much of them covers the image at most.
TINTS = (
    (0.0, (92, 48, 190)),
    (0.3, (158, 42, 168)),
    (0.55, (224, 60, 104)),
    (0.78, (250, 138, 48)),
    (1.0, (255, 226, 92)),
)
OPACITY = 0.85
SCALE_SAYS = "times an even share (logarithmic scale)"
MOST_TICKS = 6


def strongest(regions: int) -> int:
    """Return how many times an even share is tinted strongest, or more: 16 for 7 × 7 regions."""
    power = round(0.7 * math.log2(regions)) if regions > 1 else 0
    return int(2 ** min(6, max(3, power)))


def scale_ticks(regions: int) -> list[tuple[float, str]]:
    """List the ticks of a grid's scale, as the page of `askattend serve` has them.

    Each is a multiple of an even share, twice or four times the one before.

    Returns:
        how far along the scale each lies, 0 to 1, and its label: ``"1×"`` first; the last has
        ``≥`` where a region can have more.
    """
    most = strongest(regions)
    powers = most.bit_length() - 1
    step = 1 if powers < MOST_TICKS else 2
    labels = [f"{2**power}×" for power in range(0, powers + 1, step)]
    if regions > most:
        labels[-1] = f"≥ {labels[-1]}"
    return [(step * number / powers, label) for number, label in enumerate(labels)]


def scale_in_words(regions: int) -> str:
    """Say the scale where there is no room to draw it: ``"tinted violet to …: 1× to ≥ 16×, …"``."""
    (_, first), *_, (_, last) = scale_ticks(regions)
    return f"tinted violet to yellow: {first} to {last}, {SCALE_SAYS}"


def strength(values: Floats) -> Floats:
    """Scale a map: 0 for an even share or less, 1 for the strongest, by the logarithm between.

    Args:
        values: of all its regions, which sum to 1.
    """
    most = strongest(values.size)
    level: Floats = np.log((values * values.size).clip(1, most)) / math.log(most)
    return level


def tint(photo: Pixels, level: Floats) -> Pixels:
    """Tint an image.

    Args:
        photo: rows × columns × 3, 0 to 1.
        level: rows × columns, see `strength`.
    """
    places = [place for place, _ in TINTS]
    colour = np.stack(
        [np.interp(level, places, [rgb[c] / 255 for _, rgb in TINTS]) for c in range(3)], axis=-1
    )
    opacity = OPACITY * (1.75 * level).clip(0, 1)[..., None] ** 0.85
    mixed: Pixels = photo + (colour - photo) * opacity
    return mixed


def as_image(pixels: Pixels) -> Image.Image:
    """Make an image of rows × columns × 3, 0 to 1."""
    return Image.fromarray(np.rint(pixels.clip(0, 1) * 255).astype(np.uint8))


def legend(width: int, height: int) -> Image.Image:
    """Draw the tints on white, from one time an even share to the strongest."""
    level = np.tile(np.linspace(0, 1, width, dtype=np.float32), (height, 1))
    return as_image(tint(np.ones((height, width, 3)), level))
