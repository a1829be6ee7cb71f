"""Attention against boxes, by counting points and by known cases."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from askattend.data.questions import Box
from askattend.metrics.grounding import box_coverage, centre_map, hit_regions, measure

edges = st.integers(-2, 34).map(lambda n: n / 32) | st.floats(0, 1)


@st.composite
def some_boxes(draw: st.DrawFn) -> list[Box]:
    found: list[Box] = []
    for _ in range(draw(st.integers(1, 3))):
        left, right = sorted((draw(edges), draw(edges)))
        top, bottom = sorted((draw(edges), draw(edges)))
        found.append((left, top, right, bottom))
    return found


def exact_area(boxes: list[tuple[Fraction, ...]]) -> Fraction:
    """Of the union: that of the boxes, less that of pairs, and so on (inclusion, exclusion)."""
    area = Fraction(0)
    for count in range(1, len(boxes) + 1):
        for some in combinations(boxes, count):
            width = min(box[2] for box in some) - max(box[0] for box in some)
            height = min(box[3] for box in some) - max(box[1] for box in some)
            area -= (-1) ** count * max(width, Fraction(0)) * max(height, Fraction(0))
    return area


@given(some_boxes(), st.integers(1, 7), st.integers(1, 7))
def test_coverage_is_the_area_of_the_union(boxes: list[Box], rows: int, columns: int) -> None:
    found = box_coverage(boxes, rows, columns)
    for row in range(rows):
        for column in range(columns):
            low = (Fraction(column, columns), Fraction(row, rows))
            high = (Fraction(column + 1, columns), Fraction(row + 1, rows))
            clipped = [
                tuple(
                    min(max(Fraction(edge), low[index % 2]), high[index % 2])
                    for index, edge in enumerate(box)
                )
                for box in boxes
            ]
            share = exact_area(clipped) * rows * columns
            assert found[row, column] == pytest.approx(float(share), abs=1e-12)


def test_a_box_however_small_is_not_lost() -> None:
    found = box_coverage([(0.5, 0.5, 0.502, 0.502)], 7, 7)
    assert found[3, 3] == pytest.approx((0.002 * 7) ** 2)
    assert found.sum() == pytest.approx(found[3, 3])
    assert box_coverage([(0.3, 0.3, 0.3, 0.4)], 7, 7).sum() == 0


def test_a_small_box_is_hit_by_the_region_that_holds_it() -> None:
    assert hit_regions([(0.9, 0.05, 0.95, 0.1)], 2, 2).tolist() == [[False, True], [False, False]]
    assert hit_regions([(0.0, 0.0, 1.0, 0.5)], 2, 2).tolist() == [[True, True], [False, False]]
    assert hit_regions([(1.0, 1.0, 1.0, 1.0)], 2, 2)[1, 1]


def test_known_maps() -> None:
    # The object fills the upper left quarter; one glimpse looks there, the other across.
    box: Box = (0.0, 0.0, 0.5, 0.5)
    at, across = np.zeros((4, 4)), np.zeros((4, 4))
    at[:2, :2], across[2:, 2:] = 0.25, 0.25
    found = measure(np.stack([at, across])[None], [[box]]).over()
    on, off = found.maps
    assert (on.inside.value, on.pointing.value) == (1, 1)
    assert on.rank_correlation == pytest.approx(1)
    assert (off.inside.value, off.pointing.value) == (0, 0)
    assert off.rank_correlation == pytest.approx(-1 / 3)
    assert (found.uniform.inside.value, found.uniform.pointing.value) == (0.25, 0.25)
    assert found.uniform.rank_correlation is None
    assert found.centre.inside.value == pytest.approx(0.25)


@given(st.lists(some_boxes(), min_size=1, max_size=4), st.integers(2, 5), st.integers(0, 100))
def test_a_tie_counts_the_share_of_its_regions_that_are_hits(
    boxes: list[list[Box]], size: int, seed: int
) -> None:
    shape = (len(boxes), 1, size, size)
    attention = np.random.default_rng(seed).integers(0, 4, shape).astype(float)
    expected = []
    for (map_,), some in zip(attention, boxes, strict=True):
        hit = hit_regions(some, size, size)
        tied = [hit[index] for index in np.ndindex(size, size) if map_[index] == map_.max()]
        expected.append(float(np.mean(tied)))
    assert measure(attention, boxes).over().maps[0].pointing.value == pytest.approx(
        np.mean(expected)
    )


def test_looking_everywhere_alike_is_the_uniform_baseline() -> None:
    boxes: list[list[Box]] = [[(0.5, 0.5, 0.9, 0.7)], [(0.1, 0.2, 0.3, 0.3), (0.6, 0.0, 0.8, 0.4)]]
    found = measure(np.full((2, 1, 7, 7), 1 / 49), boxes).over()
    assert found.maps[0] == found.uniform
    assert found.uniform.pointing.value == np.mean(
        [float(hit_regions(some, 7, 7).mean()) for some in boxes]
    )


@pytest.mark.parametrize(("rows", "columns"), [(14, 14), (12, 10), (7, 14)])
def test_the_centre_of_an_even_grid_is_several_regions(rows: int, columns: int) -> None:
    weights = centre_map(rows, columns)
    middle = [[s // 2] if s % 2 else [s // 2 - 1, s // 2] for s in (rows, columns)]
    peaks = [(r, c) for r in middle[0] for c in middle[1]]
    assert sorted(zip(*np.nonzero(weights == weights.max()), strict=True)) == peaks
    # A box about the centre of one of them alone.
    row, column = peaks[-1]
    box = (column / columns, row / rows, (column + 1) / columns, (row + 1) / rows)
    even = np.full((1, 1, rows, columns), 1.0)
    assert measure(even, [[box]]).over().centre.pointing.value == 1 / len(peaks)


@given(some_boxes(), st.integers(2, 5), st.integers(0, 100))
def test_ranks_against_correlating_them_by_hand(boxes: list[Box], size: int, seed: int) -> None:
    attention = np.random.default_rng(seed).integers(0, 4, (size, size)).astype(float)
    covered = box_coverage(boxes, size, size).ravel()

    def ranks(values: np.ndarray) -> np.ndarray:
        return np.array([(values < v).sum() + ((values == v).sum() + 1) / 2 for v in values])

    found = measure(attention[None, None], [boxes]).over().maps[0].rank_correlation
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


def test_some_of_the_questions_are_as_if_they_were_all() -> None:
    rng = np.random.default_rng(3)
    attention = rng.random((6, 2, 4, 4))
    boxes: list[list[Box]] = [[(0.1 * n, 0.0, 0.1 * n + 0.3, 0.5)] for n in range(6)]
    some = [4, 1, 5]
    found, alone = (
        measure(attention, boxes).over(some),
        measure(attention[some], [boxes[n] for n in some]).over(),
    )
    assert found.questions == 3
    for one, other in zip((*found.maps, found.centre), (*alone.maps, alone.centre), strict=True):
        assert one.inside.value == pytest.approx(other.inside.value)
        assert one.pointing.value == pytest.approx(other.pointing.value)
        assert one.rank_correlation == pytest.approx(other.rank_correlation)
