"""What scenes consist of."""

from __future__ import annotations

import numpy as np

from askattend.data.scenes.scene import (
    COLOURS,
    GROUNDS,
    compose,
)


def test_clutter_is_the_share_of_cluttered_grounds() -> None:
    for clutter, low, high in ((0.0, 0, 0), (0.3, 18, 42), (1.0, 100, 100)):
        found = [compose(0, i, max_objects=4, clutter=clutter) for i in range(100)]
        assert low <= sum(bool(scene.strokes) for scene in found) <= high


def test_colours_stand_out_from_each_other_and_from_every_ground() -> None:
    colours = np.array(list(COLOURS.values()))
    apart = abs(colours[:, None] - colours).sum(2) + 1000 * np.eye(len(colours), dtype=int)
    assert apart.min() > 4 * 24  # twice what two tints can stray, and as much again
    assert abs(colours[:, None] - np.array(GROUNDS)).sum(2).min() > 100
