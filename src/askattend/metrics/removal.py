"""Deletion and insertion: whether an answer hangs on the regions that were attended to.

Regions are taken away from an image in the order of attention, or put back into a blank one, and
the answer's probability is followed (RISE, Petsiuk et al. 2018; on pixels there, on regions here).
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

import msgspec
import numpy as np
from jaxtyping import Float
from scipy.integrate import trapezoid

from askattend.metrics.significance import Bootstrap, Estimate, Ratio

# Parts that the regions are taken away in; the first is also the tenth whose loss is told.
STEPS = 10


class RemovalScores(msgspec.Struct, frozen=True):
    """Fate of the answers' probability when regions go, or come back, in one order.

    Attributes:
        drop: mean fall of the probability without the first tenth; negative if it rises.
        times_random: `drop` as a multiple of random order's; None where that is not above 0.
        deletion: mean probability after each step of taking away, the first ones first.
        deletion_area: under that curve, over the share taken away; the less, the more the answer
            hangs on what comes first.
        insertion: mean probability after each step of putting back into a blank image.
        insertion_area: under that curve; the more, the more what comes first is enough.
    """

    drop: Estimate
    times_random: Ratio | None
    deletion: tuple[float, ...]
    deletion_area: Estimate
    insertion: tuple[float, ...]
    insertion_area: Estimate


class Removal(msgspec.Struct, frozen=True):
    """Deletion and insertion by attention, beside random order.

    Attributes:
        questions: how many were tried.
        regions: of each image.
        removed: regions that are gone at each point of a deletion curve, from 0 to all.
        restored: regions that are there at each point of an insertion curve, from 0 to all.
        maps: one entry a glimpse or hop.
        mean: by the mean of all maps; None where there is a single one.
        random: the mean of some random orders.
    """

    questions: int
    regions: int
    removed: tuple[int, ...]
    restored: tuple[int, ...]
    maps: tuple[RemovalScores, ...]
    mean: RemovalScores | None
    random: RemovalScores


def removal_counts(regions: int) -> tuple[int, ...]:
    """Say how many regions are gone at each step: tenths of them, one more each time at least."""
    counts = [max(min(step, regions), round(step * regions / STEPS)) for step in range(STEPS + 1)]
    return tuple(dict.fromkeys(counts))


@dataclass(frozen=True)
class RemovalPerQuestion:
    """Probability of each question's answer after each step; see `Removal`.

    The orders are those by the network's maps, by their mean where there are several, and random.

    Attributes:
        deletion: with all regions first, with none last.
        insertion: with none first, with all last.
        removed: regions that are gone at each step of a deletion.
        images: the image of each question; questions of one image are no independent evidence.
    """

    deletion: Float[np.ndarray, "orders steps questions"]
    insertion: Float[np.ndarray, "orders steps questions"]
    removed: tuple[int, ...]
    images: tuple[Hashable, ...]

    def over_all(self) -> Removal:
        """Average over the questions."""
        gone, regions = np.array(self.removed), self.removed[-1]
        there = regions - gone[::-1]
        drops = self.deletion[:, 0] - self.deletion[:, 1]
        deletion_area = trapezoid(self.deletion, gone / regions, axis=1)
        insertion_area = trapezoid(self.insertion, there / regions, axis=1)
        figures = np.concatenate([drops, deletion_area, insertion_area])
        bootstrap, orders = Bootstrap.of(figures, self.images), len(drops)
        *maps, random = (
            RemovalScores(
                bootstrap.estimate(order, least=-1.0),
                bootstrap.ratio(order, to=orders - 1),
                tuple(self.deletion[order].mean(axis=1).tolist()),
                bootstrap.estimate(orders + order),
                tuple(self.insertion[order].mean(axis=1).tolist()),
                bootstrap.estimate(2 * orders + order),
            )
            for order in range(orders)
        )
        mean = maps.pop() if len(maps) > 1 else None
        restored = tuple(there.tolist())
        counts = (len(self.images), regions, self.removed, restored)
        return Removal(*counts, tuple(maps), mean, random)
