"""Correlations of maps over layers, draws and questions, averaged."""

from __future__ import annotations

import numpy as np
import pytest

from askattend.metrics.lost_training import lost_training


def test_a_flat_map_counts_as_unrelated_and_draws_are_averaged() -> None:
    ranks = {
        "top": {"attention": np.ones((2, 3)), "grad_cam": np.full((2, 3), np.nan)},
        "bottom": {
            "attention": np.array([[0.6, 0.0, 0.0], [0.0, 0.0, 0.0]]),
            "grad_cam": np.array([[-0.3, np.nan, 0.3], [-0.3, 0.3, 0.3]]),
        },
    }
    found = lost_training(ranks, ["a", "a", "b"])
    assert (found.questions, found.draws) == (3, 2)
    values = {
        layer.layer: [one.value for one in layer.rank_correlation.values()]
        for layer in found.layers
    }
    assert values["top"] == [1.0, 0.0]
    assert values["bottom"] == pytest.approx([0.1, 0.05])
    for layer in found.layers:
        for one in layer.rank_correlation.values():
            assert -1 <= one.interval[0] <= one.value <= one.interval[1] <= 1
