"""Agreement of two maps over the regions of an image."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float

from askattend.metrics.removal import removal_counts

Array = np.ndarray[Any, np.dtype[np.float64]]


def rank_correlation(
    a: Float[np.ndarray, "#maps regions"], b: Float[np.ndarray, "#maps regions"]
) -> Float[np.ndarray, " _"]:
    """Return Spearman's rank correlation of two maps, row by row, -1 to 1.

    Equal values share the mean of their ranks; NaN where all of a row are equal.
    """
    return correlation(centred_ranks(a), centred_ranks(b))


def top_overlap(
    a: Float[np.ndarray, "#maps regions"], b: Float[np.ndarray, "#maps regions"]
) -> Float[np.ndarray, " _"]:
    """Return the share of one map's top tenth that is in the other's, row by row, 0 to 1.

    Where equal values leave open which regions are the top, it is the mean over all choices, each
    map's drawn independently: of two flat maps it is what chance gives.
    """
    overlap: Array = (_top_shares(a) * _top_shares(b)).sum(axis=1) / top_tenth(a.shape[1])
    return overlap


def top_tenth(regions: int) -> int:
    """Count the regions of the top tenth, as `removal_counts` does; one at least."""
    return removal_counts(regions)[1]


def total_variation(
    a: Float[np.ndarray, "#maps regions"], b: Float[np.ndarray, "#maps regions"]
) -> Float[np.ndarray, " _"]:
    """Return ½ Σ |a - b| of two maps' `positive_shares`, row by row, 0 (the same) to 1 (apart).

    It is how much of one map would have to be moved to make it the other; NaN where either has no
    share above 0.
    """
    distance: Array = np.abs(positive_shares(a) - positive_shares(b)).sum(axis=1) / 2
    return distance


def positive_shares(values: Float[np.ndarray, "maps regions"]) -> Float[np.ndarray, "maps regions"]:
    """Scale what is above 0 to sum to 1, row by row; NaN in a row in which nothing is.

    A negative value speaks against the answer: that region has no share in it.
    """
    positive = np.clip(values, 0.0, None)
    total = positive.sum(axis=1, keepdims=True)
    nothing = np.full(positive.shape, np.nan)
    found: Array = np.divide(positive, total, out=nothing, where=total > 0)
    return found


def correlation(
    a: Float[np.ndarray, "#maps regions"], b: Float[np.ndarray, "#maps regions"]
) -> Float[np.ndarray, " _"]:
    """Correlate centred ranks row by row; NaN where all of a row are equal."""
    covariance = (a * b).sum(axis=1)
    scale = np.sqrt((a**2).sum(axis=1) * (b**2).sum(axis=1))
    unknown = np.full(scale.shape, np.nan)
    found: Array = np.divide(covariance, scale, out=unknown, where=scale > 0)
    return found


def centred_ranks(values: Float[np.ndarray, "maps regions"]) -> Float[np.ndarray, "maps regions"]:
    """Rank along each row, less the mean rank; equal values share the mean of their ranks."""
    from scipy.stats import rankdata  # slow to import, and most commands need none of it

    ranks: Array = rankdata(values, axis=1) - (values.shape[1] + 1) / 2
    return ranks


def _top_shares(values: Float[np.ndarray, "maps regions"]) -> Float[np.ndarray, "maps regions"]:
    """Return how likely each region is to be in the top tenth, if equal ones are drawn by lot."""
    count = top_tenth(values.shape[1])
    least = np.sort(values, axis=1)[:, [-count]]
    above, level = values > least, values == least
    left = count - above.sum(axis=1, keepdims=True)
    likely: Array = above + level * left / level.sum(axis=1, keepdims=True)
    return likely
