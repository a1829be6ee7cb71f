"""Attention maps in words, for those who cannot see them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from jaxtyping import Float
from torch import Tensor

from askattend.errors import DataError

# A part of the image must hold more than this share of the attention to be named; for a half of
# the image, which holds half of it if the map is flat, it takes more.
MOST, MOST_OF_HALF = 1 / 2, 2 / 3
# Where no region has so many times an even share, a map tells next to nothing.
EVEN = 1.5

_HALVES, _THIRDS = ((0.0, 0.5), (0.5, 1.0)), (1 / 3, 2 / 3)
_ALL = (0.0, 1.0)
Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class MapSummary:
    """The numbers that a map is described by.

    Attributes:
        where: the smallest part of the image that holds most of the attention: ``"centre"``,
            ``"upper left"``, ``"upper right"``, ``"lower left"``, ``"lower right"``, ``"middle
            rows"``, ``"middle columns"``, ``"upper half"``, ``"lower half"``, ``"left half"`` or
            ``"right half"``; None where no part does, or the map is even.
        row: of the region with most attention, from 1 on top.
        column: of the region with most attention, from 1 at the left.
        peak: its attention, 0 to 1.
        uniform: the attention of each region if all had the same.
    """

    where: str | None
    row: int
    column: int
    peak: float
    uniform: float

    @property
    def times_uniform(self) -> float:
        """How many times an even share the peak has; 1 for a flat map."""
        return self.peak / self.uniform

    @property
    def even(self) -> bool:
        """True where no region stands out."""
        return self.times_uniform < EVEN


def summarise_map(attention: Float[Tensor, "rows columns"]) -> MapSummary:
    """Find a map's peak, and the part of the image that holds most of it.

    Args:
        attention: of each region, summing to 1, row 0 on top.

    Raises:
        DataError: it is not one map, but several, say.
    """
    if attention.ndim != 2 or not attention.numel():
        raise DataError(
            f"of shape {tuple(attention.shape)}, where rows × columns were expected",
            where="attention map",
            remedy="Give one map, such as answer.attention[0].",
        )
    array: Array = attention.detach().cpu().double().numpy()
    row, column = np.unravel_index(array.argmax(), array.shape)
    peak, uniform = float(array.max()), 1 / array.size
    summary = MapSummary(None, int(row) + 1, int(column) + 1, peak, uniform)
    if summary.even:
        return summary
    where = next(_holding_most(array), None)
    return MapSummary(where, summary.row, summary.column, peak, uniform)


def describe_map(attention: Float[Tensor, "rows columns"]) -> str:
    """Describe a map: ``"mostly upper left, peak at row 2, column 3: 0.21, 10 times uniform"``.

    Args:
        attention: of each region, summing to 1, row 0 on top.

    Raises:
        DataError: as `summarise_map`.
    """
    found = summarise_map(attention)
    peak = f"peak at row {found.row}, column {found.column}: {found.peak:.2g}"
    times = found.times_uniform
    ratio = f"{times:.0f}" if times >= 10 else f"{times:.1f}"
    if found.even:
        return f"even over the whole image: no region has more than {ratio} times uniform"
    where = f"mostly {found.where}" if found.where else "spread over the image"
    return f"{where}, {peak}, {ratio} times uniform"


def _holding_most(array: Array) -> Iterator[str]:
    """Yield the parts of the image that hold most of a map, the smallest first."""
    for name, rows, columns, least in _parts():
        down, across = (_shares(n, *s) for n, s in zip(array.shape, (rows, columns), strict=True))
        if float(down @ array @ across) > least:
            yield name


def _parts() -> Iterator[tuple[str, tuple[float, float], tuple[float, float], float]]:
    """Yield parts of the image, from small to large: name, rows, columns, least share."""
    yield "centre", _THIRDS, _THIRDS, MOST
    for upper, rows in zip(("upper", "lower"), _HALVES, strict=True):
        for left, columns in zip(("left", "right"), _HALVES, strict=True):
            yield f"{upper} {left}", rows, columns, MOST
    yield "middle rows", _THIRDS, _ALL, MOST_OF_HALF
    yield "middle columns", _ALL, _THIRDS, MOST_OF_HALF
    for half, rows in zip(("upper", "lower"), _HALVES, strict=True):
        yield f"{half} half", rows, _ALL, MOST_OF_HALF
    for half, columns in zip(("left", "right"), _HALVES, strict=True):
        yield f"{half} half", _ALL, columns, MOST_OF_HALF


def _shares(cells: int, start: float, end: float) -> Array:
    """Return how much of each of so many equal cells of a side lies between two places, 0 to 1."""
    edges = np.arange(cells + 1) / cells
    inside: Array = edges[1:].clip(max=end) - edges[:-1].clip(min=start)
    return (inside * cells).clip(0, 1)
