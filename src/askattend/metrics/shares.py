"""Shares with intervals that do not vanish where all, or none, is right; and how they are written.

A bootstrap of thirty right answers knows nothing but right answers: its interval is a point.
Wilson's is not. SciPy has it for counts of independent answers; questions of an image are not, and
scores of several human answers are no counts, so it stands here with an effective sample size.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[np.float64]]

# Quantile of the normal distribution that leaves 2.5 % above it.
Z = 1.959963984540054


def share_interval(
    scores: Sequence[float] | Array, clusters: Sequence[Hashable]
) -> tuple[float, float]:
    """Return Wilson's 95 % interval of a mean of scores from 0 to 1.

    (Wilson 1927, "Probable inference, the law of succession, and statistical inference"; with an
    effective sample size as Korn & Graubard 1998 use it for surveys.)

    Args:
        scores: at least one, 0 to 1.
        clusters: what each belongs to: questions of one image are no independent evidence.
    """
    return wilson(float(np.mean(scores)), effective_size(scores, clusters))


def wilson(share: float, size: float) -> tuple[float, float]:
    """Return Wilson's 95 % interval of a share of so many independent cases."""
    square = Z**2 / size
    middle = (share + square / 2) / (1 + square)
    half = Z * math.sqrt(share * (1 - share) / size + square / (4 * size)) / (1 + square)
    # It holds the share itself, which rounding could leave just outside.
    return max(0.0, min(middle - half, share)), min(1.0, max(middle + half, share))


def effective_size(scores: Sequence[float] | Array, clusters: Sequence[Hashable]) -> float:
    """Return how many independent cases of 0 or 1 would scatter as these scores do.

    That is share · (1 - share) over the variance of the mean between clusters; not more than there
    are scores, if each is 0 or 1, and not fewer than clusters. Where all clusters have the same
    mean, nothing tells how alike the scores of one are, and each counts once.
    """
    values: Array = np.asarray(scores, dtype=np.float64)
    mean, number = float(values.mean()), len(values)
    index: dict[Hashable, int] = {}
    cluster_of = np.array([index.setdefault(cluster, len(index)) for cluster in clusters])
    count = len(index)
    residuals = np.bincount(cluster_of, weights=values - mean)
    variance = float((residuals**2).sum()) * count / max(count - 1, 1) / number**2
    if count == 1 or variance < 1e-12:
        return float(count)
    size = max(mean * (1 - mean) / variance, float(count) if number > count else 1.0)
    return min(size, float(number)) if np.isin(values, (0, 1)).all() else size


def percent(probability: float) -> str:
    """Write a probability with a digit that tells, near 0 and 1 too.

    >>> [percent(p) for p in (0.5, 0.9996, 0.999999, 0.0003)]
    ['50.0%', '99.96%', '>99.99%', '<0.1%']
    """
    if probability < 0.0005:
        return "<0.1%"
    for decimals in (1, 2):
        written = f"{100 * probability:.{decimals}f}"
        if float(written) < 100:
            return f"{written}%"
    return ">99.99%"
