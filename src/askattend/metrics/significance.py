"""Confidence intervals of a measured figure, and tests of the difference of two.

Questions of an image are not independent: where images are given as clusters, they stay together.
SciPy has no bootstrap over clusters, and none of its permutation tests flips whole clusters' signs
and enumerates all flips by their distinct totals; both stand here.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from jaxtyping import Float

from askattend.metrics.shares import wilson

IntArray = np.ndarray[Any, np.dtype[np.int64]]
Array = np.ndarray[Any, np.dtype[np.float64]]

# Sums of scores that differ by less come from rounding.
_DECIMALS = 9
# A distribution with more outcomes than this is sampled, not enumerated.
_MOST_OUTCOMES = 1_000_000


class Estimate(msgspec.Struct, frozen=True):
    """A figure of some questions, and how far it would scatter on others like them.

    Attributes:
        value: the figure.
        interval: 95 %, by bootstrap over images, and not a point where these are all alike;
            `share_interval` where each is 0 or 1.
    """

    value: float
    interval: tuple[float, float]


class Ratio(msgspec.Struct, frozen=True):
    """The ratio of two means over the same questions.

    Attributes:
        value: the ratio.
        interval: 95 %, by bootstrap over images; None where the denominator cannot be told from
            0, or all images have the same ratio, which is not 1.
    """

    value: float
    interval: tuple[float, float] | None


@dataclass(frozen=True)
class Bootstrap:
    """Means of several figures, and their means in each resample of the same clusters.

    Attributes:
        means: of each figure over all questions.
        resampled: the same of each resample, so that figures can be compared within it.
        clusters: how many there are.
    """

    means: Float[np.ndarray, " figures"]
    resampled: Float[np.ndarray, "resamples figures"]
    clusters: int

    @classmethod
    def of(
        cls,
        scores: Float[np.ndarray, "figures questions"],
        clusters: Sequence[Hashable],
        *,
        resamples: int = 1000,
        seed: int = 0,
    ) -> Bootstrap:
        """Resample clusters of questions; see `bootstrap_interval`."""
        drawn = _resampled_means(scores, clusters, resamples=resamples, seed=seed)
        return cls(scores.mean(axis=1), drawn, len(set(clusters)))

    def estimate(self, figure: int, *, least: float = 0.0) -> Estimate:
        """Give the mean of the figure in this row, with its interval.

        Args:
            figure: the row, whose scores lie between `least` and 1.
            least: 0, or -1 for differences.
        """
        interval = _interval(self.resampled[:, figure])
        return Estimate(float(self.means[figure]), _widened(interval, self.clusters, least))

    def ratio(self, figure: int, to: int) -> Ratio | None:
        """Divide one figure's mean by another's; None where that is not above 0."""
        if self.means[to] <= 0:
            return None
        value = float(self.means[figure] / self.means[to])
        if (self.resampled[:, to] <= 0).any():
            return Ratio(value, None)
        low, high = _interval(self.resampled[:, figure] / self.resampled[:, to])
        # All images alike: how far another's ratio could be from it, nothing tells.
        vanishes = high - low <= 10.0**-_DECIMALS and value != 1
        return Ratio(value, None if vanishes else (low, high))


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
    row = np.array(scores, dtype=np.float64)[None]
    means = _resampled_means(row, clusters, resamples=resamples, seed=seed)
    return _interval(means[:, 0], level)


def difference_interval(
    differences: Sequence[float], clusters: Sequence[Hashable], *, resamples: int = 1000
) -> tuple[float, float]:
    """Return a 95 % interval of a mean difference of two scores, -1 to 1, by bootstrap.

    Where every cluster differs by the same (see `all_alike`) no resample tells anything: it is then
    what so many clusters leave possible, by Wilson's interval for none of them.
    """
    interval = bootstrap_interval(differences, clusters, resamples=resamples)
    return _widened(interval, len(set(clusters)), -1.0)


def all_alike(scores: Sequence[float], clusters: Sequence[Hashable]) -> bool:
    """Tell whether every cluster has the same mean, so that all resamples are the same."""
    sums, sizes = _cluster_sums(scores, clusters)
    return bool(np.ptp(sums / sizes) <= 10.0**-_DECIMALS)


def _widened(interval: tuple[float, float], clusters: int, least: float) -> tuple[float, float]:
    """Return the interval, or a wider one where every cluster has the same mean.

    No resample then tells that another image might have another: the interval is what so many
    images leave possible, Wilson's for none of them.
    """
    low, high = interval
    if high - low > 10.0**-_DECIMALS:
        return interval
    possible = wilson(0.0, clusters)[1]
    return max(low - possible, least), min(high + possible, 1.0)


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


def _interval(means: Array, level: float = 0.95) -> tuple[float, float]:
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _resampled_means(
    scores: Array, clusters: Sequence[Hashable], *, resamples: int, seed: int
) -> Float[np.ndarray, "resamples figures"]:
    """Draw as many clusters as there are, again and again; the mean of each figure each time."""
    by_figure = [_cluster_sums(row, clusters) for row in scores]
    sums, sizes = np.stack([row for row, _ in by_figure]).round(_DECIMALS), by_figure[0][1]
    # Clusters of equal sums and size are interchangeable: how many of a kind are drawn is enough.
    kinds, number = np.unique(np.vstack([sums, sizes]), axis=1, return_counts=True)
    rng, probability = np.random.default_rng(seed), number / len(sizes)
    means = []
    for size in _chunk_sizes(resamples, len(number)):
        counts = rng.multinomial(len(sizes), probability, size=size)
        means.append(np.stack([(counts @ kind) / (counts @ kinds[-1]) for kind in kinds[:-1]], 1))
    return np.concatenate(means)


def _cluster_sums(
    scores: Sequence[float] | Array, clusters: Sequence[Hashable]
) -> tuple[Array, IntArray]:
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
