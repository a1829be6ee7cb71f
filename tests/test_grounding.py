"""Attention against boxes, by counting points and by known cases."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from askattend.data.questions import Box
from askattend.grounding import centre_map, coverage, ground, hits

edges = st.integers(0, 32).map(lambda n: n / 32)


@st.composite
def some_boxes(draw: st.DrawFn) -> list[Box]:
    found: list[Box] = []
    for _ in range(draw(st.integers(1, 3))):
        left, right = sorted((draw(edges), draw(edges)))
        top, bottom = sorted((draw(edges), draw(edges)))
        found.append((left, top, right, bottom))
    return found


@given(some_boxes(), st.integers(1, 4), st.integers(1, 4))
def test_coverage_counts_points(boxes: list[Box], rows: int, columns: int) -> None:
    found = coverage(boxes, rows, columns)
    for row in range(rows):
        for column in range(columns):
            points = [
                ((column + (i + 0.5) / 16) / columns, (row + (j + 0.5) / 16) / rows)
                for i in range(16)
                for j in range(16)
            ]
            inside = [
                any(le <= x < ri and to <= y < bo for le, to, ri, bo in boxes) for x, y in points
            ]
            assert found[row, column] == pytest.approx(sum(inside) / len(inside))


def test_a_small_box_is_hit_by_the_region_that_holds_it() -> None:
    assert hits([(0.9, 0.05, 0.95, 0.1)], 2, 2).tolist() == [[False, True], [False, False]]
    assert hits([(0.0, 0.0, 1.0, 0.5)], 2, 2).tolist() == [[True, True], [False, False]]
    assert hits([(1.0, 1.0, 1.0, 1.0)], 2, 2)[1, 1]


def test_known_maps() -> None:
    # The object fills the upper left quarter; one glimpse looks there, the other across.
    box: Box = (0.0, 0.0, 0.5, 0.5)
    at, across = np.zeros((4, 4)), np.zeros((4, 4))
    at[:2, :2], across[2:, 2:] = 0.25, 0.25
    found = ground(np.stack([at, across])[None], [[box]])
    on, off = found.maps
    assert (on.inside, on.pointing) == (1, 1)
    assert on.rank_correlation == pytest.approx(1)
    assert (off.inside, off.pointing) == (0, 0)
    assert off.rank_correlation == pytest.approx(-1 / 3)
    assert (found.uniform.inside, found.uniform.pointing) == (0.25, 0.25)
    assert found.uniform.rank_correlation is None
    assert found.centre.inside == pytest.approx(0.25)


@given(some_boxes(), st.integers(2, 5), st.integers(0, 100))
def test_ranks_against_correlating_them_by_hand(boxes: list[Box], size: int, seed: int) -> None:
    attention = np.random.default_rng(seed).integers(0, 4, (size, size)).astype(float)
    covered = coverage(boxes, size, size).ravel()

    def ranks(values: np.ndarray) -> np.ndarray:
        return np.array([(values < v).sum() + ((values == v).sum() + 1) / 2 for v in values])

    found = ground(attention[None, None], [boxes]).maps[0].rank_correlation
    a, b = ranks(attention.ravel()), ranks(covered)
    if a.std() * b.std() == 0:
        assert found is None
    else:
        assert found == pytest.approx(np.corrcoef(a, b)[0, 1])


def test_the_centre_map_is_a_distribution_about_the_middle() -> None:
    found = centre_map(3, 5)
    assert found.sum() == pytest.approx(1)
    assert found.argmax() == 7
    assert np.allclose(found, found[::-1, ::-1])
