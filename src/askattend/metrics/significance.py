"""Confidence intervals of a measured figure, and tests of the difference of two.

Questions of an image are not independent: where images are given as clusters, they stay together.
SciPy has no bootstrap over clusters, and none of its permutation tests flips whole clusters' signs
and enumerates all flips by their distinct totals; both stand here.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np

IntArray = np.ndarray[Any, np.dtype[np.int64]]
Array = np.ndarray[Any, np.dtype[np.float64]]

# Sums of scores that differ by less come from rounding.
_DECIMALS = 9
# A distribution with more outcomes than this is sampled, not enumerated.
_MOST_OUTCOMES = 1_000_000


def bootstrap_interval(
    scores: Sequence[float],
    clusters: Sequence[Hashable],
    *,
    level: float = 0.95,
    resamples: int = 1000,
    seed: int = 0,
) -> tuple[float, float]:
    """Return a confidence interval of the mean score, by percentile bootstrap over clusters.

    Scores of one cluster (the questions of an image) are drawn together: they are not independent.
    (Efron & Tibshirani 1993, "An Introduction to the Bootstrap", chapters 8 and 13.) For the
    difference of two systems, give the differences of their scores.
    """
    sums, sizes = _cluster_sums(scores, clusters)
    # Clusters of equal sum and size are interchangeable: how many of a kind are drawn is enough.
    kinds, number = np.unique(np.stack([sums.round(_DECIMALS), sizes]), axis=1, return_counts=True)
    rng, probability = np.random.default_rng(seed), number / len(sums)
    means = []
    for size in _chunk_sizes(resamples, len(number)):
        counts = rng.multinomial(len(sums), probability, size=size)
        means.append((counts @ kinds[0]) / (counts @ kinds[1]))
    low, high = np.quantile(np.concatenate(means), [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def paired_permutation(
    differences: Sequence[float],
    clusters: Sequence[Hashable],
    *,
    resamples: int = 10_000,
    seed: int = 0,
) -> float:
    """Return the two-sided p-value of paired scores' differences, by flipping signs.

    If it made no difference which of two systems gave which answers, the two could be exchanged,
    image by image, which flips the sign of the image's summed difference. The p-value is the share
    of all such flips whose total is at least as far from 0 as the one observed (Fisher 1935, "The
    Design of Experiments", section 21): of all where they can be enumerated, otherwise of
    `resamples` drawn ones and the one observed, so that it is never 0.
    """
    sums, _ = _cluster_sums(differences, clusters)
    observed = abs(float(sums.sum()))
    magnitudes, numbers = np.unique(np.abs(sums).round(_DECIMALS), return_counts=True)
    magnitudes, numbers = magnitudes[magnitudes > 0], numbers[magnitudes > 0]
    least = observed - 10.0**-_DECIMALS * (1 + len(sums))
    distribution = _enumerate_flips(magnitudes, numbers)
    if distribution is not None:
        totals, probabilities = distribution
        return min(1.0, float(probabilities[np.abs(totals) >= least].sum()))
    rng, as_far = np.random.default_rng(seed), 0
    for size in _chunk_sizes(resamples, len(magnitudes)):
        flipped = 2 * rng.binomial(numbers, 0.5, size=(size, len(magnitudes))) - numbers
        as_far += int((np.abs(flipped @ magnitudes) >= least).sum())
    return (1 + as_far) / (1 + resamples)


def mcnemar(only_first: int, only_second: int) -> float:
    """Return the two-sided p-value of McNemar's exact test (McNemar 1947).

    Every question counts as independent of the others.

    Args:
        only_first: how many questions the first system alone got right.
        only_second: how many the second alone did.
    """
    from scipy.stats import binomtest  # slow to import, and most commands need none of it

    differing = only_first + only_second
    return float(binomtest(only_first, differing).pvalue) if differing else 1.0


def _cluster_sums(scores: Sequence[float], clusters: Sequence[Hashable]) -> tuple[Array, IntArray]:
    """Return the sum and the number of the scores of each cluster."""
    index: dict[Hashable, int] = {}
    cluster_of = np.array([index.setdefault(cluster, len(index)) for cluster in clusters])
    sums = np.bincount(cluster_of, weights=np.array(scores)).astype(np.float64)
    return sums, np.bincount(cluster_of)


def _enumerate_flips(magnitudes: Array, numbers: IntArray) -> tuple[Array, Array] | None:
    """Return every total that signs can give, and its probability; None where there are too many.

    Args:
        magnitudes: the distinct summed differences, without their signs.
        numbers: how many clusters have each.
    """
    from scipy.stats import binom  # slow to import, and most commands need none of it

    totals: Array = np.zeros(1)
    probabilities: Array = np.ones(1)
    for magnitude, number in zip(magnitudes.tolist(), numbers.tolist(), strict=True):
        if len(totals) * (number + 1) > _MOST_OUTCOMES:
            return None
        positive = np.arange(number + 1)
        steps = magnitude * (2 * positive - number)
        sums = np.add.outer(totals, steps).round(_DECIMALS).ravel()
        weights = np.multiply.outer(probabilities, binom.pmf(positive, number, 0.5)).ravel()
        totals, index = np.unique(sums, return_inverse=True)
        probabilities = np.bincount(index.ravel(), weights=weights).astype(np.float64)
    return totals, probabilities


def _chunk_sizes(resamples: int, width: int) -> list[int]:
    """Divide resamples of so many numbers each into chunks that fit into memory."""
    most = max(1, _MOST_OUTCOMES // max(1, width))
    full, rest = divmod(resamples, most)
    return [most] * full + [rest] * (rest > 0)
