"""Whether attention lies where the question's objects are, and whether the answer hangs on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from jaxtyping import Float

from askattend.data.questions import Box

Array = np.ndarray[Any, np.dtype[np.float64]]


class Agreement(msgspec.Struct, frozen=True):
    """How a map agrees with the boxes, averaged over questions.

    Attributes:
        inside: share of the attention that lies within the boxes, 0 to 1.
        pointing: how often the most attended region is a hit: its centre lies in a box, or a box's
            centre in it (the pointing game, Zhang et al. 2018). Where several regions are equally
            the most attended, the share of them that are hits.
        rank_correlation: Spearman's, between attention and how much of a region the boxes cover, -1
            to 1; None for a map without ranks.
    """

    inside: float
    pointing: float
    rank_correlation: float | None


class Grounding(msgspec.Struct, frozen=True):
    """How attention agrees with the boxes of what a question is about.

    Attributes:
        questions: how many have boxes.
        maps: one entry a glimpse or hop.
        uniform: what attending to all regions alike would give.
        centre: what always attending to the middle would give (a Gaussian as wide as a quarter of
            the picture).
    """

    questions: int
    maps: tuple[Agreement, ...]
    uniform: Agreement
    centre: Agreement


def coverage(boxes: Sequence[Box], rows: int, columns: int) -> Float[np.ndarray, "rows columns"]:
    """Share of each region's area that lies in any of the boxes.

    Exact: the boxes' edges cut the picture into rectangles, each wholly inside a box or outside.
    """
    left, top, right, bottom = np.array(boxes, dtype=np.float64).reshape(-1, 4).T
    x, y = (np.unique(np.concatenate(ends)) for ends in ((left, right), (top, bottom)))
    across = (x[:-1] >= left[:, None]) & (x[1:] <= right[:, None])  # boxes × intervals
    down = (y[:-1] >= top[:, None]) & (y[1:] <= bottom[:, None])
    inside = (down[:, :, None] & across[:, None]).any(axis=0)
    shares: Array = _overlaps(y, rows).T @ inside @ _overlaps(x, columns)
    return shares


def _overlaps(edges: Array, parts: int) -> Float[np.ndarray, "intervals parts"]:
    """Share of each of the equal parts of [0, 1] that lies in each interval between edges."""
    place = edges[:, None] * parts - np.arange(parts)
    overlaps: Array = np.diff(place.clip(0, 1), axis=0)
    return overlaps


def hits(boxes: Sequence[Box], rows: int, columns: int) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Which regions are a hit in the pointing game; rows × columns."""
    y, x = (np.arange(rows) + 0.5) / rows, (np.arange(columns) + 0.5) / columns
    hit = np.zeros((rows, columns), dtype=bool)
    for left, top, right, bottom in boxes:
        hit |= ((y >= top) & (y < bottom))[:, None] & ((x >= left) & (x < right))[None]
        row = min(int((top + bottom) / 2 * rows), rows - 1)
        hit[row, min(int((left + right) / 2 * columns), columns - 1)] = True
    return hit


def ground(
    attention: Float[np.ndarray, "questions maps rows columns"], boxes: Sequence[Sequence[Box]]
) -> Grounding:
    """Compare attention maps with the boxes of their questions; every question has one at least."""
    return measure(attention, boxes).over()


@dataclass(frozen=True)
class Measured:
    """How maps agree with the boxes, question by question; see `Agreement`.

    The maps are the network's, then the uniform one and the centre.

    Attributes:
        inside: share of the attention within the boxes.
        pointing: share of the most attended regions that are hits.
        rank: Spearman's correlation; NaN for a map, or boxes, without ranks.
    """

    inside: Float[np.ndarray, "maps questions"]
    pointing: Float[np.ndarray, "maps questions"]
    rank: Float[np.ndarray, "maps questions"]

    def over(self, places: Sequence[int] | None = None) -> Grounding:
        """The means over some of the questions; by default over all."""
        some = slice(None) if places is None else list(places)
        inside, pointing, rank = (each[:, some] for each in (self.inside, self.pointing, self.rank))
        *maps, uniform, centre = (
            Agreement(
                float(inside[row].mean()), float(pointing[row].mean()), _mean_known(rank[row])
            )
            for row in range(len(inside))
        )
        return Grounding(inside.shape[1], tuple(maps), uniform, centre)


def measure(
    attention: Float[np.ndarray, "questions maps rows columns"], boxes: Sequence[Sequence[Box]]
) -> Measured:
    """Compare each attention map with the boxes of its question; see `ground`."""
    questions, count, rows, columns = attention.shape
    covered = np.stack([coverage(some, rows, columns) for some in boxes]).reshape(questions, -1)
    hit = np.stack([hits(some, rows, columns) for some in boxes]).reshape(questions, -1)
    maps = [attention[:, number].reshape(questions, -1) for number in range(count)]
    uniform = np.full((1, rows * columns), 1 / (rows * columns))
    maps += [uniform, centre_map(rows, columns).reshape(1, -1)]
    ranks = _ranks(covered)
    return Measured(
        np.stack([(each * covered).sum(axis=1) for each in maps]),
        np.stack([_pointing(each, hit) for each in maps]),
        np.stack([_correlation(_ranks(each), ranks) for each in maps]),
    )


def centre_map(rows: int, columns: int) -> Float[np.ndarray, "rows columns"]:
    """A Gaussian about the middle, as wide as a quarter of the picture; sums to 1."""
    # Whole numbers first, so that regions equally far from the middle get equal weights.
    y, x = ((2 * np.arange(side) + 1 - side) / (2 * side) for side in (rows, columns))
    bell = np.exp(-(y[:, None] ** 2 + x[None] ** 2) / (2 * 0.25**2))
    normalised: Array = bell / bell.sum()
    return normalised


def _pointing(attention: Array, hit: np.ndarray[Any, np.dtype[np.bool_]]) -> Array:
    """Share of each map's most attended regions that are hits."""
    peaks = attention == attention.max(axis=1, keepdims=True)
    shares: Array = (peaks & hit).sum(axis=1) / peaks.sum(axis=1)
    return shares


def _mean_known(values: Array) -> float | None:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else None


def _correlation(a: Array, b: Array) -> Array:
    """Of ranks, row by row; NaN where all of a row are equal."""
    together, spread = (a * b).sum(axis=1), np.sqrt((a**2).sum(axis=1) * (b**2).sum(axis=1))
    unknown = np.full(len(spread), np.nan)
    found: Array = np.divide(together, spread, out=unknown, where=spread > 0)
    return found


def _ranks(values: Array) -> Array:
    """Along each row, less their mean; equal values share the mean of their ranks."""
    rows, columns = values.shape
    order = np.argsort(values, axis=1)
    ordered = np.take_along_axis(values, order, axis=1)
    first = np.ones((rows, columns), dtype=bool)  # of several equal values
    first[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    starts = np.flatnonzero(first)
    sizes = np.diff(starts, append=rows * columns)
    shared = np.repeat(starts % columns + (sizes - columns) / 2, sizes).reshape(rows, columns)
    ranks = np.empty((rows, columns))
    np.put_along_axis(ranks, order, shared, axis=1)
    return ranks
