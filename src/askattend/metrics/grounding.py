"""Agreement of attention with the boxes of the objects that a question is about."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from jaxtyping import Float

from askattend.data.questions import Box
from askattend.metrics.map_agreement import centred_ranks, correlation
from askattend.metrics.shares import share_interval
from askattend.metrics.significance import Bootstrap, Estimate, Ratio

Array = np.ndarray[Any, np.dtype[np.float64]]


class GroundingScores(msgspec.Struct, frozen=True):
    """Agreement of one map with the boxes, averaged over questions.

    Attributes:
        inside: share of the attention that lies within the boxes, 0 to 1.
        times_uniform: the same as a multiple of a uniform map's, which is the boxes' share of the
            picture; None where the boxes have no area.
        pointing: share of questions whose most attended region is a hit: its centre lies in a box,
            or a box's centre in it (the pointing game, Zhang et al. 2018). Where several regions
            are equally the most attended, the share of them that are hits.
        rank_correlation: Spearman's, between attention and how much of a region the boxes cover, -1
            to 1; None for a map without ranks.
    """

    inside: Estimate
    times_uniform: Ratio | None
    pointing: Estimate
    rank_correlation: float | None


class Grounding(msgspec.Struct, frozen=True):
    """Agreement of attention with the boxes, beside two maps that see nothing.

    Attributes:
        questions: how many have boxes.
        maps: one entry a glimpse or hop.
        mean: the mean of all maps; None where there is a single one.
        uniform: scores of attending to all regions alike.
        centre: scores of always attending to the middle (a Gaussian as wide as a quarter of the
            picture).
    """

    questions: int
    maps: tuple[GroundingScores, ...]
    mean: GroundingScores | None
    uniform: GroundingScores
    centre: GroundingScores


def box_coverage(
    boxes: Sequence[Box], rows: int, columns: int
) -> Float[np.ndarray, "rows columns"]:
    """Return the share of each region's area that lies in any of the boxes.

    Exact: the boxes' edges cut the picture into rectangles, each wholly inside a box or outside.
    """
    left, top, right, bottom = np.array(boxes, dtype=np.float64).reshape(-1, 4).T
    x, y = (np.unique(np.concatenate(ends)) for ends in ((left, right), (top, bottom)))
    across = (x[:-1] >= left[:, None]) & (x[1:] <= right[:, None])  # boxes × intervals
    down = (y[:-1] >= top[:, None]) & (y[1:] <= bottom[:, None])
    inside = (down[:, :, None] & across[:, None]).any(axis=0)
    covered: Array = _interval_shares(y, rows).T @ inside @ _interval_shares(x, columns)
    return covered


def _interval_shares(edges: Array, parts: int) -> Float[np.ndarray, "intervals parts"]:
    """Return the share of each of the equal parts of [0, 1] in each interval between edges."""
    position = edges[:, None] * parts - np.arange(parts)
    shares: Array = np.diff(position.clip(0, 1), axis=0)
    return shares


def hit_regions(
    boxes: Sequence[Box], rows: int, columns: int
) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Mark the regions that are a hit in the pointing game; rows × columns."""
    y, x = (np.arange(rows) + 0.5) / rows, (np.arange(columns) + 0.5) / columns
    hit = np.zeros((rows, columns), dtype=bool)
    for left, top, right, bottom in boxes:
        hit |= ((y >= top) & (y < bottom))[:, None] & ((x >= left) & (x < right))[None]
        row = min(int((top + bottom) / 2 * rows), rows - 1)
        hit[row, min(int((left + right) / 2 * columns), columns - 1)] = True
    return hit


@dataclass(frozen=True)
class GroundingPerQuestion:
    """Agreement of maps with the boxes, question by question; see `GroundingScores`.

    The maps are the network's, their mean where there are several, the uniform one and the centre.

    Attributes:
        inside: share of the attention within the boxes.
        pointing: share of the most attended regions that are hits.
        rank: Spearman's correlation; NaN for a map, or boxes, without ranks.
        images: the image of each question; questions of one image are no independent evidence.
    """

    inside: Float[np.ndarray, "maps questions"]
    pointing: Float[np.ndarray, "maps questions"]
    rank: Float[np.ndarray, "maps questions"]
    images: tuple[Hashable, ...]

    def over(self, questions: Sequence[int] | None = None) -> Grounding:
        """Average over the questions at some positions; by default over all."""
        some = list(range(len(self.images)) if questions is None else questions)
        scores: Array = np.concatenate([self.inside[:, some], self.pointing[:, some]])
        images = [self.images[position] for position in some]
        bootstrap = Bootstrap.of(scores, images)
        rows = len(self.inside)
        *maps, uniform, centre = (
            GroundingScores(
                bootstrap.estimate(row),
                bootstrap.ratio(row, to=rows - 2),
                _share(scores[rows + row], images),
                _mean_known(self.rank[row, some]),
            )
            for row in range(rows)
        )
        mean = maps.pop() if len(maps) > 1 else None
        return Grounding(len(some), tuple(maps), mean, uniform, centre)


def measure(
    attention: Float[np.ndarray, "questions maps rows columns"],
    boxes: Sequence[Sequence[Box]],
    images: Sequence[Hashable] | None = None,
) -> GroundingPerQuestion:
    """Compare attention maps with the boxes of their questions.

    Args:
        attention: of each question.
        boxes: of each question, one at least.
        images: the image of each question; by default each has its own.
    """
    questions, count, rows, columns = attention.shape
    covered = np.stack([box_coverage(some, rows, columns) for some in boxes])
    covered = covered.reshape(questions, -1)
    hit = np.stack([hit_regions(some, rows, columns) for some in boxes]).reshape(questions, -1)
    maps = [attention[:, number].reshape(questions, -1) for number in range(count)]
    if count > 1:
        maps.append(attention.mean(axis=1).reshape(questions, -1))
    uniform = np.full((1, rows * columns), 1 / (rows * columns))
    maps += [uniform, centre_map(rows, columns).reshape(1, -1)]
    ranks = centred_ranks(covered)
    return GroundingPerQuestion(
        np.stack([(each * covered).sum(axis=1) for each in maps]),
        np.stack([_pointing(each, hit) for each in maps]),
        np.stack([correlation(centred_ranks(each), ranks) for each in maps]),
        tuple(range(questions) if images is None else images),
    )


def centre_map(rows: int, columns: int) -> Float[np.ndarray, "rows columns"]:
    """Return a Gaussian about the middle, as wide as a quarter of the picture; it sums to 1."""
    # Whole numbers first, so that regions equally far from the middle get equal weights.
    y, x = ((2 * np.arange(side) + 1 - side) / (2 * side) for side in (rows, columns))
    bell = np.exp(-(y[:, None] ** 2 + x[None] ** 2) / (2 * 0.25**2))
    normalised: Array = bell / bell.sum()
    return normalised


def _pointing(attention: Array, hit: np.ndarray[Any, np.dtype[np.bool_]]) -> Array:
    """Return the share of each map's most attended regions that are hits."""
    peaks = attention == attention.max(axis=1, keepdims=True)
    shares: Array = (peaks & hit).sum(axis=1) / peaks.sum(axis=1)
    return shares


def _share(values: Array, images: Sequence[Hashable]) -> Estimate:
    """Give the mean of what is 0 or 1 with an interval that does not vanish there."""
    return Estimate(float(values.mean()), share_interval(values, images))


def _mean_known(values: Array) -> float | None:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else None
