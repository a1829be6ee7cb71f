"""How sure a measured figure is, and whether two differ by more than chance.

Questions of an image are not independent: where images are told as clusters, they stay together.
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
_OUTCOMES = 1_000_000


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
    (Efron & Tibshirani 1993, "An Introduction to the Bootstrap", chapters 8 and 13.) For the
    difference of two systems, give the differences of their scores.
    """
    sums, counts = _by_cluster(scores, clusters)
    # Clusters of equal sum and size are interchangeable: how many of a kind are drawn is enough.
    kinds, number = np.unique(np.stack([sums.round(_DECIMALS), counts]), axis=1, return_counts=True)
    rng, share = np.random.default_rng(seed), number / len(sums)
    means = []
    for size in _portions(resamples, len(number)):
        drawn = rng.multinomial(len(sums), share, size=size)
        means.append((drawn @ kinds[0]) / (drawn @ kinds[1]))
    low, high = np.quantile(np.concatenate(means), [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def paired_permutation(
    differences: Sequence[float],
    clusters: Sequence[Hashable],
    *,
    resamples: int = 10_000,
    seed: int = 0,
) -> float:
    """Two-sided p-value of paired scores' differences, by flipping signs.

    If it made no difference which of two systems gave which answers, the two could be exchanged,
    image by image, which flips the sign of the image's summed difference. The p-value is the share
    of all such flips whose total is at least as far from 0 as the one observed (Fisher 1935, "The
    Design of Experiments", section 21): of all where they can be enumerated, otherwise of
    `resamples` drawn ones and the one observed, so that it is never 0.
    """
    sums, _ = _by_cluster(differences, clusters)
    observed = abs(float(sums.sum()))
    sizes, numbers = np.unique(np.abs(sums).round(_DECIMALS), return_counts=True)
    sizes, numbers = sizes[sizes > 0], numbers[sizes > 0]
    least = observed - 10.0**-_DECIMALS * (1 + len(sums))
    exact = _all_flips(sizes, numbers)
    if exact is not None:
        totals, probabilities = exact
        return min(1.0, float(probabilities[np.abs(totals) >= least].sum()))
    rng, hits = np.random.default_rng(seed), 0
    for size in _portions(resamples, len(sizes)):
        flipped = 2 * rng.binomial(numbers, 0.5, size=(size, len(sizes))) - numbers
        hits += int((np.abs(flipped @ sizes) >= least).sum())
    return (1 + hits) / (1 + resamples)


def mcnemar(only_first: int, only_second: int) -> float:
    """Two-sided p-value of McNemar's exact test (McNemar 1947), questions being independent.

    Args:
        only_first: how many questions the first system alone got right.
        only_second: how many the second alone did.
    """
    probabilities = _binomial(only_first + only_second)
    return min(1.0, 2 * float(probabilities[: min(only_first, only_second) + 1].sum()))


def _by_cluster(scores: Sequence[float], clusters: Sequence[Hashable]) -> tuple[Array, IntArray]:
    """Sum and number of the scores of each cluster."""
    index: dict[Hashable, int] = {}
    place = np.array([index.setdefault(cluster, len(index)) for cluster in clusters])
    sums = np.bincount(place, weights=np.array(scores)).astype(np.float64)
    return sums, np.bincount(place)


def _all_flips(sizes: Array, numbers: IntArray) -> tuple[Array, Array] | None:
    """Every total that signs can give, with its probability; None where there are too many.

    Args:
        sizes: the distinct summed differences.
        numbers: how many clusters have each.
    """
    totals: Array = np.zeros(1)
    probabilities: Array = np.ones(1)
    for size, number in zip(sizes.tolist(), numbers.tolist(), strict=True):
        if len(totals) * (number + 1) > _OUTCOMES:
            return None
        steps = size * (2 * np.arange(number + 1) - number)
        sums = np.add.outer(totals, steps).round(_DECIMALS).ravel()
        weights = np.multiply.outer(probabilities, _binomial(number)).ravel()
        totals, place = np.unique(sums, return_inverse=True)
        probabilities = np.bincount(place.ravel(), weights=weights).astype(np.float64)
    return totals, probabilities


def _binomial(number: int) -> Array:
    """Probability of 0, 1, …, `number` heads in as many throws of a coin."""
    factorial = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, number + 1)))])  # its log
    heads: Array = factorial[-1] - factorial - factorial[::-1] - number * np.log(2.0)
    return np.exp(heads)


def _portions(resamples: int, kinds: int) -> list[int]:
    """The resamples in portions that fit into memory."""
    most = max(1, _OUTCOMES // max(1, kinds))
    whole, rest = divmod(resamples, most)
    return [most] * whole + [rest] * (rest > 0)
