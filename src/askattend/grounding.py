"""Whether attention lies where the question's objects are, and whether the answer hangs on it."""

from __future__ import annotations

from collections.abc import Sequence
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
            centre in it (the pointing game, Zhang et al. 2018).
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
    """Share of each region that lies in any of the boxes, by a raster of 16 × 16 points each."""
    fine = 16
    y = (np.arange(rows * fine) + 0.5) / (rows * fine)
    x = (np.arange(columns * fine) + 0.5) / (columns * fine)
    inside = np.zeros((len(y), len(x)), dtype=bool)
    for left, top, right, bottom in boxes:
        inside |= ((y >= top) & (y < bottom))[:, None] & ((x >= left) & (x < right))[None]
    shares: Array = inside.reshape(rows, fine, columns, fine).mean(axis=(1, 3))
    return shares


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
    _, maps, rows, columns = attention.shape
    covered = np.stack([coverage(some, rows, columns) for some in boxes])
    hit = np.stack([hits(some, rows, columns) for some in boxes])
    uniform = np.full((rows, columns), 1 / (rows * columns))
    return Grounding(
        questions=len(boxes),
        maps=tuple(_agreement(attention[:, number], covered, hit) for number in range(maps)),
        # No region is the most attended: a hit is as likely as its share of the regions.
        uniform=Agreement(float((covered * uniform).sum((1, 2)).mean()), float(hit.mean()), None),
        centre=_agreement(np.broadcast_to(centre_map(rows, columns), covered.shape), covered, hit),
    )


def centre_map(rows: int, columns: int) -> Float[np.ndarray, "rows columns"]:
    """A Gaussian about the middle, as wide as a quarter of the picture; sums to 1."""
    y, x = (np.arange(rows) + 0.5) / rows - 0.5, (np.arange(columns) + 0.5) / columns - 0.5
    bell = np.exp(-(y[:, None] ** 2 + x[None] ** 2) / (2 * 0.25**2))
    normalised: Array = bell / bell.sum()
    return normalised


def _agreement(
    attention: Array, covered: Array, hit: np.ndarray[Any, np.dtype[np.bool_]]
) -> Agreement:
    questions = len(attention)
    flat = attention.reshape(questions, -1)
    peak = flat.argmax(axis=1)
    return Agreement(
        inside=float((attention * covered).sum(axis=(1, 2)).mean()),
        pointing=float(hit.reshape(questions, -1)[np.arange(questions), peak].mean()),
        rank_correlation=_spearman(flat, covered.reshape(questions, -1)),
    )


def _spearman(a: Array, b: Array) -> float | None:
    """The mean over rows of the correlation of ranks; rows without any order are left out."""
    ranks = [_ranks(values) - (values.shape[1] + 1) / 2 for values in (a, b)]
    spread = np.sqrt((ranks[0] ** 2).sum(axis=1) * (ranks[1] ** 2).sum(axis=1))
    ordered = spread > 0
    if not ordered.any():
        return None
    together = (ranks[0] * ranks[1]).sum(axis=1)
    return float((together[ordered] / spread[ordered]).mean())


def _ranks(values: Array) -> Array:
    """From 1, along each row; equal values share the mean of their ranks."""
    ranks = np.empty_like(values, dtype=np.float64)
    for row, line in enumerate(values):
        _, inverse, counts = np.unique(line, return_inverse=True, return_counts=True)
        last = counts.cumsum()
        ranks[row] = (last - (counts - 1) / 2)[inverse]
    return ranks
