"""Agreement of maps, against SciPy, against all ways to break ties, and by what must hold."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import spearmanr

from askattend.metrics.map_agreement import (
    positive_shares,
    rank_correlation,
    top_overlap,
    top_tenth,
    total_variation,
)

Array = np.ndarray[Any, np.dtype[np.float64]]
# Few values, so that many are equal.
MAPS = arrays(np.float64, (2, 12), elements=st.integers(-2, 3).map(float))


@given(MAPS)
def test_ranks_are_scipys(maps: Array) -> None:
    (found,) = rank_correlation(maps[:1], maps[1:])
    if any(row.min() == row.max() for row in maps):
        assert np.isnan(found)
    else:
        assert found == pytest.approx(spearmanr(*maps).statistic, abs=1e-12)


def test_one_map_is_compared_with_several() -> None:
    rng = np.random.default_rng(0)
    one, several = rng.random((1, 9)), rng.random((4, 9))
    for row, found in zip(several, rank_correlation(one, several), strict=True):
        assert found == pytest.approx(spearmanr(one[0], row).statistic)
    assert rank_correlation(one, one)[0] == pytest.approx(1)
    assert rank_correlation(one, -one)[0] == pytest.approx(-1)


def tops(row: Array, count: int) -> list[set[int]]:
    """Every set of so many regions of which none has a smaller value than one left out."""
    return [
        set(some)
        for some in combinations(range(len(row)), count)
        if row[list(some)].min() >= max((v for i, v in enumerate(row) if i not in some))
    ]


@given(arrays(np.float64, (2, 15), elements=st.integers(-1, 2).map(float)))
def test_ties_are_broken_in_every_way(maps: Array) -> None:
    a, b = (tops(row, 2) for row in maps)  # a tenth of 15, rounded
    overlaps = [len(one & other) / 2 for one in a for other in b]
    found = top_overlap(maps[:1], maps[1:])[0]
    assert found == pytest.approx(np.mean(overlaps), abs=1e-12)


@pytest.mark.parametrize(("regions", "count"), [(2, 1), (4, 1), (49, 5), (100, 10), (196, 20)])
def test_a_tenth_is_one_region_at_least(regions: int, count: int) -> None:
    assert top_tenth(regions) == count
    flat = np.zeros((1, regions))
    assert top_overlap(flat, flat)[0] == pytest.approx(count / regions)
    ranked = np.arange(regions, dtype=np.float64)[None]
    assert top_overlap(ranked, ranked)[0] == 1
    assert top_overlap(ranked, -ranked)[0] == (0 if regions > 1 else 1)


@given(MAPS)
def test_total_variation_is_the_most_that_any_part_differs_by(maps: Array) -> None:
    (found,) = total_variation(maps[:1], maps[1:])
    if (maps.max(axis=1) <= 0).any():
        assert np.isnan(found)
        return
    a, b = ([max(v, 0) / sum(max(w, 0) for w in row) for v in row] for row in maps.tolist())
    assert found == pytest.approx(sum(max(x - y, 0) for x, y in zip(a, b, strict=True)), abs=1e-12)
    assert found == total_variation(maps[1:], maps[:1])[0]
    assert 0 <= found <= 1 + 1e-12


def test_shares_leave_out_what_speaks_against() -> None:
    found = positive_shares(np.array([[-3.0, 1.0, 3.0], [-1.0, 0.0, -2.0]]))
    assert found[0].tolist() == [0.0, 0.25, 0.75]
    assert np.isnan(found[1]).all()
