"""The scale of the tints: its ticks, and where they lie."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from askattend.drawing.scale import scale_in_words, scale_ticks, strength, strongest


@pytest.mark.parametrize(
    ("regions", "labels"),
    [
        (1, ["1×", "2×", "4×", "8×"]),
        (4, ["1×", "2×", "4×", "8×"]),
        (25, ["1×", "2×", "4×", "≥ 8×"]),
        (49, ["1×", "2×", "4×", "8×", "≥ 16×"]),
        (400, ["1×", "4×", "16×", "≥ 64×"]),
    ],
)
def test_ticks_double_up_to_what_may_lie_beyond(regions: int, labels: list[str]) -> None:
    assert [label for _, label in scale_ticks(regions)] == labels
    assert scale_in_words(regions).endswith(
        f"1× to {labels[-1]}, times an even share (logarithmic scale)"
    )


@given(st.integers(2, 2000))
def test_a_tick_lies_where_that_much_is_tinted(regions: int) -> None:
    for place, label in scale_ticks(regions):
        times = int(label.strip("≥ ×"))
        values = np.zeros(regions, dtype=np.float32)
        values[0] = times / regions
        assert strength(values)[0] == pytest.approx(place, abs=1e-6)
        assert place == pytest.approx(math.log(times) / math.log(strongest(regions)))
