"""Deletion and insertion curves against loops, and networks' fates that are known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from askattend.metrics.removal import RemovalPerQuestion, removal_counts


@given(st.integers(1, 400))
def test_regions_go_in_tenths_or_one_by_one(regions: int) -> None:
    counts = removal_counts(regions)
    steps = np.diff(counts)
    assert (counts[0], counts[-1]) == (0, regions)
    assert (steps > 0).all()
    if regions <= 10:
        assert (steps == 1).all()
    else:
        assert len(counts) == 11
        assert abs(steps - regions / 10).max() <= 1


@given(st.integers(2, 30), st.integers(1, 4), st.integers(0, 50))
def test_averages_against_loops(regions: int, maps: int, seed: int) -> None:
    rng, removed = np.random.default_rng(seed), removal_counts(regions)
    orders, questions = maps + (maps > 1) + 1, 5
    down, up = rng.random((2, orders, len(removed), questions))
    found = RemovalPerQuestion(down, up, removed, tuple("aabcc")).over_all()
    assert (found.questions, found.regions, found.removed) == (questions, regions, removed)
    assert found.restored == tuple(regions - count for count in reversed(removed))
    assert len(found.maps) == maps
    assert (found.mean is None) == (maps == 1)
    told = [*found.maps, *([found.mean] if found.mean else []), found.random]
    for order, scores in enumerate(told):
        drop, areas = 0.0, {"deletion": 0.0, "insertion": 0.0}
        for question in range(questions):
            drop += (down[order, 0, question] - down[order, 1, question]) / questions
            for name, curve, counts in (
                ("deletion", down, removed),
                ("insertion", up, found.restored),
            ):
                for step in range(1, len(removed)):
                    width = (counts[step] - counts[step - 1]) / regions
                    height = (curve[order, step, question] + curve[order, step - 1, question]) / 2
                    areas[name] += width * height / questions
        assert scores.drop.value == pytest.approx(drop)
        assert scores.deletion_area.value == pytest.approx(areas["deletion"])
        assert scores.insertion_area.value == pytest.approx(areas["insertion"])
        for estimate in (scores.drop, scores.deletion_area, scores.insertion_area):
            assert estimate.interval[0] <= estimate.interval[1]
        assert scores.deletion == pytest.approx(down[order].mean(axis=1))
        assert scores.insertion == pytest.approx(up[order].mean(axis=1))


def test_a_multiple_of_random_order_needs_a_fall_to_compare_with() -> None:
    rises = np.array([[[0.9, 0.9], [0.1, 0.3], [0.1, 0.1]], [[0.9, 0.9], [1.0, 0.9], [0.1, 0.1]]])
    found = RemovalPerQuestion(rises, rises, (0, 1, 2), ("a", "b")).over_all()
    assert found.maps[0].drop.value == pytest.approx(0.7)
    assert found.maps[0].times_random is None
    falls = rises.copy()
    falls[1, 1] = 0.8
    ratio = RemovalPerQuestion(falls, falls, (0, 1, 2), ("a", "b")).over_all().maps[0].times_random
    assert ratio is not None
    assert ratio.value == pytest.approx(7)
    assert ratio.interval == pytest.approx((6, 8))
