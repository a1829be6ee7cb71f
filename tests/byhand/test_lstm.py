"""The LSTM by hand: what padding may not touch."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from askattend.byhand.lstm import lstm


def test_states_stand_still_once_a_question_has_ended() -> None:
    rng = np.random.default_rng(0)
    W, U, b = rng.normal(size=(8, 3)), rng.normal(size=(8, 2)), rng.normal(size=8)
    states = lstm(rng.normal(size=(2, 4, 3)), np.array([4, 2]), W, U, b, b)
    for sequence in (states.hidden, states.cell):
        moved = [(after != before).all(axis=1) for before, after in pairwise(sequence)]
        assert np.array_equal(moved, [[True, True], [True, True], [True, False], [True, False]])
