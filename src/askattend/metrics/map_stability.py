"""Stability of attention when a question is asked in other words."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import msgspec
import numpy as np
from jaxtyping import Float

from askattend.metrics.map_agreement import rank_correlation, total_variation
from askattend.metrics.significance import Bootstrap, Estimate


class MapDistance(msgspec.Struct, frozen=True):
    """How far apart the maps of two questions about one image are, on average.

    Attributes:
        pairs: how many.
        moved: total variation of the mean maps, 0 (the same) to 1 (no region in common).
        rank_correlation: Spearman's, -1 to 1; a map that is the same everywhere counts as 0.
    """

    pairs: int
    moved: Estimate
    rank_correlation: Estimate


class MapStability(msgspec.Struct, frozen=True):
    """Stability of attention when a question is asked in other words.

    Attributes:
        reworded: of two questions with the same meaning.
        another: of two questions with different meanings; None where no image has two.
    """

    reworded: MapDistance
    another: MapDistance | None


def map_distance(
    a: Float[np.ndarray, "pairs regions"],
    b: Float[np.ndarray, "pairs regions"],
    images: Sequence[Hashable],
) -> MapDistance:
    """Compare the maps of pairs of questions.

    Args:
        a: of the first question of each pair; it sums to 1.
        b: of the second.
        images: the image of each pair; pairs of one image are no independent evidence.
    """
    both = np.stack([total_variation(a, b), np.nan_to_num(rank_correlation(a, b))])
    bootstrap = Bootstrap.of(both, images)
    return MapDistance(len(images), bootstrap.estimate(0), bootstrap.estimate(1, least=-1.0))
