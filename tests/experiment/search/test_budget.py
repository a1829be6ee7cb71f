"""Durations as they are written, and what is left of a budget."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from askattend.errors import ConfigError
from askattend.experiment.search.budget import Budget, duration_text, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("15m", 900), ("2h", 7200), ("1h30m", 5400), ("0.5m", 30), ("1h2m3s", 3723)],
)
def test_durations(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "15", "m", "15x", "-3m", "3m2h", "0s", "1.2.3s", "15 m", "h"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ConfigError, match="Write 90s, 15m, 2h"):
        parse_duration(text)


@given(st.integers(1, 3599))
def test_what_is_written_is_read(seconds: int) -> None:
    assert parse_duration(duration_text(seconds)) == seconds


def test_what_was_spent_before_counts() -> None:
    times = iter([100.0, 107.0, 109.0])
    budget = Budget.start(60, before=20, clock=lambda: next(times))
    assert (budget.spent, budget.left) == (27, 31)
