"""Distance of maps over pairs of questions."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr

from askattend.metrics.map_stability import map_distance


def test_it_is_the_mean_over_pairs() -> None:
    rng = np.random.default_rng(0)
    a, b = (rng.dirichlet(np.ones(9), 12) for _ in range(2))
    found = map_distance(a, b, [n // 2 for n in range(12)])
    assert found.pairs == 12
    assert found.moved.value == pytest.approx((np.abs(a - b).sum(axis=1) / 2).mean())
    ranks = [spearmanr(x, y).statistic for x, y in zip(a, b, strict=True)]
    assert found.rank_correlation.value == pytest.approx(np.mean(ranks))
    low, high = found.moved.interval
    assert low < found.moved.value < high


def test_the_same_maps_do_not_move() -> None:
    flat, ranked = np.full((1, 4), 0.25), np.array([[0.1, 0.2, 0.3, 0.4]])
    same = map_distance(np.concatenate([flat, ranked]), np.concatenate([flat, ranked]), "ab")
    assert same.moved.value == pytest.approx(0)
    assert same.rank_correlation.value == pytest.approx(0.5)
