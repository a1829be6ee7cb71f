"""Intervals of shares against SciPy's and against their own coverage; how shares are written."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from askattend.metrics.shares import effective_size, percent, share_interval, wilson


@given(st.integers(1, 400), st.data())
def test_wilson_is_scipys(number: int, data: st.DataObject) -> None:
    right = data.draw(st.integers(0, number))
    theirs = binomtest(right, number).proportion_ci(method="wilson")
    assert wilson(right / number, number) == pytest.approx((theirs.low, theirs.high), abs=1e-9)


@pytest.mark.parametrize("right", [0.0, 1.0])
def test_an_interval_does_not_vanish_at_the_ends(right: float) -> None:
    scores = [right] * 30
    low, high = share_interval(scores, range(30))
    assert 0 in (low, 1 - high)
    assert high - low > 0.1
    # Of ten questions on each of three images, each image counts once.
    low, high = share_interval(scores, [n // 10 for n in range(30)])
    assert high - low > 0.5


def test_independent_questions_count_each() -> None:
    scores = [1.0, 1.0, 1.0, 0.0] * 25
    assert effective_size(scores, range(100)) == pytest.approx(99)
    assert share_interval(scores, range(100)) == pytest.approx(wilson(0.75, 99))
    assert effective_size([1.0] * 50 + [0.0] * 50, [n // 50 for n in range(100)]) == 2


def test_images_whose_questions_are_alike_are_fewer() -> None:
    """Wilson's interval with the effective size holds the truth about as often as it says."""
    generator, held = np.random.default_rng(0), 0
    for _ in range(300):
        share = generator.beta(1, 0.25, size=60)  # of each image's questions; 0.8 on average
        scores = (generator.random((60, 10)) < share[:, None]).astype(float).ravel()
        low, high = share_interval(scores, [n // 10 for n in range(600)])
        held += low <= 0.8 <= high
    assert 0.9 < held / 300 <= 0.99


def test_scores_of_several_people_scatter_less() -> None:
    scores = [0.6, 0.3, 0.9, 0.6] * 50
    assert effective_size(scores, range(200)) > 500


@pytest.mark.parametrize(
    ("probability", "written"),
    [
        (0.0, "<0.1%"),
        (0.00049, "<0.1%"),
        (0.0005, "0.1%"),
        (0.1234, "12.3%"),
        (0.9994, "99.9%"),
        (0.9996, "99.96%"),
        (0.99994, "99.99%"),
        (0.99996, ">99.99%"),
        (1.0, ">99.99%"),
    ],
)
def test_a_probability_is_written_with_a_digit_that_tells(probability: float, written: str) -> None:
    assert percent(probability) == written


@given(st.floats(0, 1))
def test_a_written_probability_tells_it_from_certainty(probability: float) -> None:
    written = percent(probability)
    assert written not in ("100.0%", "100.00%", "0.0%")
    number = float(written.strip("<>%")) / 100
    assert abs(number - probability) <= 0.0005 + 0.0005 * written.startswith("<")
