"""Pictures of attention: maps over an image, with the answers beside them."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from askattend.drawing.scale import (
    SCALE_SAYS,
    Floats,
    Pixels,
    as_image,
    legend,
    scale_ticks,
    strength,
    tint,
)
from askattend.drawing.sheet import Sheet
from askattend.errors import ConfigError, reason_of
from askattend.features.geometry import WHOLE, Crop
from askattend.files import make_folder, write_whole
from askattend.metrics.calibration import NOT_JUDGED
from askattend.metrics.shares import percent

PANEL = 420  # long side of the photo and of each heat map, pixels
CELL = 270  # least width that a panel's caption gets
MARGIN, GAP = 28, 18
TITLE, CAPTION, SMALL = 17, 13, 11  # heights of letters, pixels
INK, ACCENT, MUTED = "#1c1f26", "#0b5cad", "#5c6370"
COARSE = 64  # regions of a grid whose maps are drawn as cells by default
LEGEND, TICK = 8, 4  # heights of the scale below the image and of its ticks, pixels
# Where no region has so many times an even share, a map tells next to nothing.
EVEN = 1.5
FORMATS = ("PNG", "JPEG", "WEBP", "AVIF", "GIF", "TIFF", "BMP", "JPEG2000", "PDF")
FLAT = 1e-5  # a relative spread that single precision alone may cause


@runtime_checkable
class Answered(Protocol):
    """The parts of an answer that are drawn."""

    @property
    def question(self) -> str:
        """The question, as it was asked."""

    @property
    def said(self) -> str:
        """The answer, as it is told to people."""

    @property
    def probability(self) -> float:
        """The answer's probability, 0 to 1."""

    @property
    def sure(self) -> bool | None:
        """True if it is sure, None if nobody judged."""

    @property
    def attention(self) -> Float[Tensor, "maps rows columns"]:
        """One map a glimpse or hop."""


def overlay(
    image: Image.Image,
    answers: Sequence[Answered],
    *,
    maps_name: str = "glimpse",
    seen: Crop = WHOLE,
    cells: bool | None = None,
) -> Image.Image:
    """Draw an image and where the model looked: a row a question, a tinted image a glimpse.

    Tints are on one scale, which stands below the image: see `tinted_map`. Below each map a
    sentence says where it lies, by how much more than an even share. A character that no font
    here has is drawn as a replacement mark; `font_hint` tells which.

    Args:
        image: the image asked about, of any size and shape.
        answers: at least one.
        maps_name: what a map is called: ``"glimpse"`` (SAAA) or ``"hop"`` (SAN).
        seen: the part of the image that the maps lie over.
        cells: see `tinted_map`; by default True of `COARSE` regions or fewer, which interpolation
            would turn into blobs that look finer than what the network has.
    """
    photo = fit_long_side(image.convert("RGB"), PANEL)
    rows = [_row(photo, answer, maps_name, seen, cells) for answer in answers]
    width = max(row.width for row in rows)
    canvas = Image.new("RGB", (width, sum(row.height for row in rows)), "white")
    top = 0
    for row in rows:
        canvas.paste(row, (0, top))
        top += row.height
    return canvas


def save_overlay(
    file: Path,
    image: Image.Image,
    answers: Sequence[Answered],
    *,
    maps_name: str = "glimpse",
    seen: Crop = WHOLE,
    cells: bool | None = None,
) -> None:
    """Write `overlay` to a file, in the format that its suffix names.

    Raises:
        ConfigError: no such format is written, or the file cannot be written.
    """
    file_format = picture_format(file)
    encoded = io.BytesIO()
    drawn = overlay(image, answers, maps_name=maps_name, seen=seen, cells=cells)
    try:
        drawn.save(encoded, file_format)
        make_folder(file.parent)
        write_whole(file, encoded.getvalue())
    except (OSError, ValueError) as error:  # the latter: it is higher than the format allows
        problem = f"cannot be written ({reason_of(error)})"
        raise ConfigError(problem, where=file, remedy="Choose another place.") from error


def picture_format(file: Path) -> str:
    """Return Pillow's name of the format that a file's suffix names.

    Raises:
        ConfigError: there is none that a coloured picture is written in.
    """
    named = Image.registered_extensions().get(file.suffix.lower(), "")
    if named not in FORMATS or named not in Image.SAVE:
        problem = f"'{file.suffix}' is not a picture format"
        raise ConfigError(problem, where=file, remedy="Name it ….png.")
    return named


def tinted_map(
    image: Image.Image,
    attention: Float[Tensor, "rows columns"],
    size: tuple[int, int],
    *,
    seen: Crop = WHOLE,
    cells: bool = False,
) -> Image.Image:
    """Lay one attention map over an image, which stays as it is where attention is even or less.

    The colour tells how many times an even share a region has, on a scale that all maps of a grid
    have in common (`strongest`): they can be compared, and a flat one shows no tint. The page of
    `askattend serve` has the same. The grid is stretched over the part of the image that was
    seen, as that was squeezed into the backbone's square, with bicubic interpolation; what was not
    seen is pale.

    Args:
        image: the image asked about.
        attention: how much each region was attended to; row 0 on top.
        size: (width, height) of the result in pixels.
        seen: left, top, right and bottom of that part, as shares of width and height.
        cells: True to tint each region as the square that it is, without interpolation.
    """
    way = Image.Resampling.NEAREST if cells else Image.Resampling.BICUBIC
    level, unseen = _levels(strength(_values(attention)), size, seen, way)
    photo = _pixels(image, size)
    tinted = np.where(unseen, 0.5 + 0.5 * photo, tint(photo, level[..., 0]))
    return as_image(tinted)


def _pixels(image: Image.Image, size: tuple[int, int]) -> Pixels:
    """Return an image of another size: rows × columns × 3, 0 to 1."""
    resized = image.convert("RGB").resize(size, Image.Resampling.BICUBIC)
    pixels: Pixels = np.asarray(resized) / 255
    return pixels


def _levels(
    levels: Floats, size: tuple[int, int], seen: Crop, way: Image.Resampling
) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Stretch a map over an image: the level of each pixel, 0 to 1, and where none was seen."""
    left, top, right, bottom = (
        round(share * side) for share, side in zip(seen, (*size, *size), strict=True)
    )
    right, bottom = max(right, left + 1), max(bottom, top + 1)
    grid = Image.fromarray(levels)
    # Of a padded image the maps reach beyond its edges: only what lies on it is drawn.
    x, y, end_x, end_y = max(left, 0), max(top, 0), min(right, size[0]), min(bottom, size[1])
    across, down = grid.width / (right - left), grid.height / (bottom - top)
    box = ((x - left) * across, (y - top) * down, (end_x - left) * across, (end_y - top) * down)
    stretched = grid.resize((end_x - x, end_y - y), way, box=box)
    level = np.zeros((size[1], size[0], 1), dtype=np.float32)
    unseen = np.ones_like(level, dtype=np.bool_)
    level[y:end_y, x:end_x, 0] = np.asarray(stretched).clip(0, 1)
    unseen[y:end_y, x:end_x] = False
    return level, unseen


def fit_long_side(image: Image.Image, long_side: int) -> Image.Image:
    """Resize an image to a long side of so many pixels, its shape kept."""
    scale = long_side / max(image.size)
    width, height = (max(1, round(side * scale)) for side in image.size)
    return image.resize((width, height), Image.Resampling.BICUBIC)


def map_caption(attention: Float[Tensor, "rows columns"]) -> str:
    """Say in a sentence where a map lies, and how many times an even share it has there."""
    values = _values(attention)
    if _flat(values):
        return f"All {values.size:,} regions get the same attention."
    times = float(values.max()) * values.size
    share = f"{percent(float(values.max()))} of the attention"
    ratio = f"{times:.0f}" if times >= 10 else f"{times:.1f}"
    even = "Nearly even: the" if times < EVEN else "The"
    where = f", {peak(attention)}," if times >= EVEN else ""
    return (
        f"{even} most attended of {values.size:,} regions{where} gets {share}: "
        f"{ratio} times an even share."
    )


def peak(attention: Float[Tensor, "rows columns"]) -> str:
    """Say where a map is greatest: ``"upper left"``, ``"centre"``, …, or ``"nowhere"``."""
    values = _values(attention)
    if _flat(values):
        return "nowhere"
    row, column = np.unravel_index(values.argmax(), values.shape)
    thirds = [int(3 * (i + 0.5) / n) for i, n in zip((row, column), values.shape, strict=True)]
    return _PLACES[thirds[0]][thirds[1]]


# Corners as `runs.map_description` and the service's page call them.
_PLACES = (
    ("upper left", "top", "upper right"),
    ("left", "centre", "right"),
    ("lower left", "bottom", "lower right"),
)


def _values(attention: Tensor) -> Floats:
    values = attention.detach().float().cpu().nan_to_num(0, posinf=0, neginf=0)
    return np.asarray(values)


def _flat(values: Floats) -> bool:
    return bool(values.max() - values.min() <= FLAT * abs(values).max())


def drawn_as_cells(attention: Float[Tensor, "rows columns"], cells: bool | None = None) -> bool:
    """Choose how a map is drawn where nobody does: see `overlay`."""
    return attention.numel() <= COARSE if cells is None else cells


def _row(
    photo: Image.Image, answer: Answered, maps_name: str, seen: Crop, cells: bool | None
) -> Image.Image:
    """Draw one question: its text, the answer's, the photo and a tinted one for each glimpse."""
    panels = [photo]
    for a in answer.attention:
        as_cells = drawn_as_cells(a, cells)
        panels.append(tinted_map(photo, a, photo.size, seen=seen, cells=as_cells))
    captions = ["Image"] + [
        f"{maps_name.capitalize()} {number}. {map_caption(attention)}"
        for number, attention in enumerate(answer.attention, 1)
    ]
    cell = max(photo.width, CELL)
    width = 2 * MARGIN + len(panels) * (cell + GAP) - GAP
    sheet = Sheet(width)
    below = sheet.write(answer.question, MARGIN, MARGIN, width - 2 * MARGIN, TITLE, INK)
    judged = f"; sure: {NOT_JUDGED}" if answer.sure is None else ""
    said = f"{answer.said}  ({percent(answer.probability)}{judged})"
    below = sheet.write(said, MARGIN, below + 4, width - 2 * MARGIN, TITLE, ACCENT) + 12
    ends = [below]
    for column, (panel, caption) in enumerate(zip(panels, captions, strict=True)):
        left = MARGIN + column * (cell + GAP)
        sheet.panels.append((panel, left, below))
        ends.append(sheet.write(caption, left, below + panel.height + 8, cell, CAPTION, MUTED))
    if len(answer.attention):
        ends.append(_scale(sheet, answer.attention[0].numel(), ends[1], cell))
    return sheet.draw(max(ends) + MARGIN // 2)


def _scale(sheet: Sheet, regions: int, top: int, width: int) -> int:
    """Place the scale of the tints, with its ticks, below the image; return where it ends."""
    bar, top = legend(width // 2, LEGEND), top + 4
    sheet.panels.append((bar, MARGIN, top))
    below = top + LEGEND
    for place, label in scale_ticks(regions):
        at = MARGIN + round(place * (bar.width - 1))
        sheet.panels.append((Image.new("RGB", (1, TICK), MUTED), at, below))
        end = sheet.write_centred(label, at, below + TICK, SMALL, MUTED)
    return sheet.write(
        f"{SCALE_SAYS[0].upper()}{SCALE_SAYS[1:]}", MARGIN, end, width, CAPTION, MUTED
    )
