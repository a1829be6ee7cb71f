"""How sure a measured figure is."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np


def bootstrap_interval(
    scores: Sequence[float],
    clusters: Sequence[Hashable],
    *,
    level: float = 0.95,
    resamples: int = 1000,
    seed: int = 0,
) -> tuple[float, float]:
    """An interval of the mean score, by percentile bootstrap over clusters.

    Scores of one cluster (the questions of an image) are drawn together: they are not independent.
    """
    index: dict[Hashable, int] = {}
    place = np.array([index.setdefault(cluster, len(index)) for cluster in clusters])
    sums, counts = np.bincount(place, weights=np.array(scores)), np.bincount(place)
    rng = np.random.default_rng(seed)
    even = np.full(len(sums), 1 / len(sums))
    means = np.empty(resamples)
    for number in range(resamples):
        drawn = rng.multinomial(len(sums), even)
        means[number] = (drawn @ sums) / (drawn @ counts)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
