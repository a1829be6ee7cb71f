"""Intervals and tests against enumeration of all resamples, all flips and all throws."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from fractions import Fraction
from itertools import product
from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from askattend.metrics import significance
from askattend.metrics.significance import (
    Bootstrap,
    Ratio,
    all_alike,
    bootstrap_interval,
    difference_interval,
    mcnemar,
    paired_permutation,
)

SCORE = st.sampled_from([0.0, 0.3, 0.6, 0.9, 1.0])
FEW = st.lists(st.tuples(SCORE, st.sampled_from("abcd")), min_size=1, max_size=9)
APART = st.sampled_from([-1.0, -0.6, -0.3, 0.0, 0.3, 0.4, 1.0])
DIFFERENCES = st.lists(st.tuples(APART, st.integers(0, 7)), min_size=1, max_size=12)


def clusters_of(pairs: Sequence[tuple[float, object]]) -> list[list[float]]:
    groups: defaultdict[object, list[float]] = defaultdict(list)
    for score, cluster in pairs:
        groups[cluster].append(score)
    return list(groups.values())


@given(FEW)
def test_interval_against_every_resample(pairs: list[tuple[float, str]]) -> None:
    groups = clusters_of(pairs)
    means = []
    for sample in product(groups, repeat=len(groups)):
        scores = [score for group in sample for score in group]
        means.append(sum(scores) / len(scores))
    low, high = bootstrap_interval(
        [score for score, _ in pairs], [cluster for _, cluster in pairs], level=0.8, resamples=4000
    )
    # An end must be a mean that splits the distribution where it should, drawing's error aside.
    for end, share in ((low, 0.1), (high, 0.9)):
        below = np.mean([mean < end - 1e-6 for mean in means])
        up_to = np.mean([mean < end + 1e-6 for mean in means])
        assert below - 0.03 <= share <= up_to + 0.03


def test_interval_against_drawing_whole_clusters() -> None:
    rng = np.random.default_rng(1)
    pairs = [(float(rng.random() < 0.3 + 0.05 * (n % 7)), n // 6) for n in range(600)]
    groups = clusters_of(pairs)
    means = []
    for _ in range(4000):
        sample = [groups[index] for index in rng.integers(len(groups), size=len(groups))]
        means.append(np.mean([score for group in sample for score in group]))
    found = bootstrap_interval([s for s, _ in pairs], [c for _, c in pairs], resamples=10_000)
    assert found == pytest.approx(np.quantile(means, [0.025, 0.975]), abs=0.004)


def test_questions_of_an_image_say_less_than_as_many_images() -> None:
    scores = [float(n // 10 % 2) for n in range(400)]
    alone = bootstrap_interval(scores, list(range(400)))
    together = bootstrap_interval(scores, [n // 10 for n in range(400)])
    assert together[1] - together[0] > 2 * (alone[1] - alone[0])


def test_intervals_depend_on_the_seed_alone() -> None:
    scores, images = [0.1 * (n % 11) for n in range(300)], [n // 7 for n in range(300)]
    once = bootstrap_interval(scores, images)
    assert once == bootstrap_interval(scores, [f"image {image}" for image in images])
    assert once == pytest.approx(bootstrap_interval(scores[::-1], images[::-1]), abs=1e-9)
    assert once != bootstrap_interval(scores, images, seed=1)


def naive_permutation(pairs: Sequence[tuple[float, object]]) -> float:
    sums = [sum(group) for group in clusters_of(pairs)]
    flipped = [
        abs(sum(sign * one for sign, one in zip(signs, sums, strict=True)))
        for signs in product((1, -1), repeat=len(sums))
    ]
    return float(np.mean([total >= abs(sum(sums)) - 1e-6 for total in flipped]))


def columns(pairs: Sequence[tuple[float, int]]) -> tuple[list[float], list[int]]:
    return [difference for difference, _ in pairs], [cluster for _, cluster in pairs]


@given(DIFFERENCES)
def test_permutation_against_every_flip(pairs: list[tuple[float, int]]) -> None:
    assert paired_permutation(*columns(pairs)) == pytest.approx(naive_permutation(pairs))


@given(DIFFERENCES)
def test_drawn_flips_agree_with_all(pairs: list[tuple[float, int]]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(significance, "_enumerate_flips", lambda magnitudes, numbers: None)
        p_value = paired_permutation(*columns(pairs), resamples=4000)
        assert p_value == paired_permutation(*columns(pairs), resamples=4000)
    assert p_value == pytest.approx(naive_permutation(pairs), abs=0.05)
    assert p_value > 0


def test_too_many_flips_are_drawn() -> None:
    rng = np.random.default_rng(0)
    apart = rng.normal(0.5, 1, size=200).tolist()
    p = paired_permutation(apart, list(range(200)), resamples=999)
    assert p == pytest.approx(1 / 1000)
    assert paired_permutation([-each for each in apart], list(range(200)), resamples=999) == p


def test_drawn_flips_are_counted_in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    apart, images = rng.normal(0.1, 1, size=200).tolist(), list(range(200))
    whole = paired_permutation(apart, images)
    assert whole == paired_permutation(apart, images, resamples=10_000, seed=0)
    assert whole != paired_permutation(apart, images, seed=1)
    assert whole != paired_permutation(apart, images, resamples=10_001)
    monkeypatch.setattr(significance, "_MOST_OUTCOMES", 200 * 7)
    assert paired_permutation(apart, images) == pytest.approx(whole, abs=0.02)


@given(st.integers(1, 40))
def test_a_p_value_is_a_probability(pairs: int) -> None:
    """Probabilities of all flips add up to a little more than 1, or less."""
    assert paired_permutation([1.0, -1.0] * pairs, range(2 * pairs)) <= 1


@pytest.mark.parametrize(("most", "enumerated"), [(11, False), (12, True), (20, True)])
def test_as_many_outcomes_are_enumerated_as_are_allowed(
    most: int, enumerated: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(significance, "_MOST_OUTCOMES", most)
    # Three of one size have four totals; three times as many with two of another.
    found = significance._enumerate_flips(np.array([1.0, 10.0]), np.array([3, 2]))
    assert (found is not None) == enumerated
    if found is not None:
        totals, probabilities = found
        assert totals.tolist() == [x + y for y in (-20, 0, 20) for x in (-3, -1, 1, 3)]
        assert 32 * probabilities == pytest.approx([1, 3, 3, 1, 2, 6, 6, 2, 1, 3, 3, 1])


@given(st.integers(0, 60), st.integers(0, 60))
def test_mcnemar_against_counting_throws(first: int, second: int) -> None:
    number = first + second
    tail = sum(comb(number, heads) for heads in range(min(first, second) + 1))
    expected = min(Fraction(1), Fraction(2 * tail, 2**number))
    assert mcnemar(first, second) == pytest.approx(float(expected), rel=1e-9)


@given(st.integers(0, 30), st.integers(0, 30), st.integers(0, 5))
def test_on_right_and_wrong_both_tests_are_one(first: int, second: int, same: int) -> None:
    apart = [-1.0] * first + [1.0] * second + [0.0] * (same + 1)
    p = paired_permutation(apart, list(range(len(apart))))
    assert p == pytest.approx(mcnemar(first, second), rel=1e-9)


def test_large_counts() -> None:
    # For many throws McNemar's exact test nears the chi-square test without its correction:
    # 2·(1 − Φ(600 / √100,000)), from a table of the normal distribution.
    assert mcnemar(49_700, 50_300) == pytest.approx(0.0578, abs=0.001)
    assert mcnemar(50_000, 50_000) == 1
    assert 0 <= mcnemar(10_000, 90_000) < 1e-300


@given(FEW, st.integers(0, 20))
def test_several_figures_are_resampled_together(pairs: list[tuple[float, str]], seed: int) -> None:
    scores = np.array([score for score, _ in pairs])
    clusters = [cluster for _, cluster in pairs]
    both = Bootstrap.of(np.stack([scores, scores, 3 * scores]), clusters, seed=seed)
    one, same, threefold = (both.estimate(figure) for figure in range(3))
    assert one == same
    assert one.value == pytest.approx(scores.mean())
    low, high = bootstrap_interval(scores.tolist(), clusters, seed=seed)
    if high - low > 1e-9:
        assert one.interval == pytest.approx((low, high))
        assert threefold.interval == pytest.approx((3 * low, 3 * high))
    else:
        assert one.interval[0] <= low <= high <= one.interval[1]
    ratio = both.ratio(2, to=0)
    if scores.mean() == 0:
        assert ratio is None
    else:
        assert ratio is not None
        assert ratio.value == pytest.approx(3)
        assert ratio.interval is None  # all clusters are alike in it
        assert both.ratio(1, to=0) == Ratio(1.0, None if (both.resampled == 0).any() else (1, 1))


@given(
    st.sampled_from([-1.0, -0.5, 0.0, 0.25, 1.0]), st.integers(1, 40), st.sampled_from([0.0, -1.0])
)
def test_an_interval_of_equal_scores_does_not_vanish(
    score: float, images: int, least: float
) -> None:
    score = max(score, least)
    found = Bootstrap.of(np.full((2, 2 * images), score), [*range(images)] * 2, resamples=20)
    low, high = found.estimate(0, least=least).interval
    assert least <= low <= score <= high <= 1
    possible = 1 - 0.05 ** (1 / images) if images > 1 else 0.5  # of the rule of three, roughly
    assert high - low >= min(possible, 1 - least) / 2
    if score > 0:
        assert found.ratio(0, to=1) == Ratio(1.0, (1.0, 1.0))


def test_an_interval_of_differences() -> None:
    apart = np.random.default_rng(0).uniform(-1, 1, 60).tolist()
    images = [n // 3 for n in range(60)]
    found = difference_interval(apart, images)
    assert found == bootstrap_interval(apart, images, resamples=1000)
    assert found != bootstrap_interval(apart, images, resamples=1001)
    few = difference_interval(apart, images, resamples=17)
    assert few == bootstrap_interval(apart, images, resamples=17)
    # Where all differ alike, only so many images tell it: Wilson's interval for none of five.
    possible = binomtest(0, 5).proportion_ci(method="wilson").high
    assert difference_interval([0.0] * 10, [*range(5)] * 2) == pytest.approx((-possible, possible))
    assert difference_interval([-1.0] * 5, range(5)) == pytest.approx((-1, -1 + possible))
    assert difference_interval([1.0] * 5, range(5)) == pytest.approx((1 - possible, 1))


def test_an_interval_of_scattered_scores_is_the_bootstrap_s() -> None:
    scores = np.random.default_rng(0).random((1, 50))
    low, high = Bootstrap.of(scores, range(50)).estimate(0).interval
    assert (low, high) == bootstrap_interval(list(scores[0]), range(50))


@given(DIFFERENCES)
def test_all_alike_is_where_every_resample_is_the_same(pairs: list[tuple[float, int]]) -> None:
    scores, clusters = [score for score, _ in pairs], [cluster for _, cluster in pairs]
    drawn = Bootstrap.of(np.array([scores]), clusters, resamples=200).resampled
    assert all_alike(scores, clusters) == (np.ptp(drawn) < 1e-8)
