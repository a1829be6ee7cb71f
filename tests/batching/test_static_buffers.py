"""Schedules that fall and have room."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from askattend.batching.batches import word_counts
from askattend.batching.static_buffers import covers, widened

LENGTHS = st.lists(st.integers(1, 9), min_size=1, max_size=60)


@given(LENGTHS)
def test_word_counts_are_counted(lengths: list[int]) -> None:
    naive = tuple(sum(n > word for n in lengths) for word in range(max(lengths)))
    assert word_counts(np.array(lengths)) == naive


@given(st.lists(LENGTHS, min_size=1, max_size=5))
def test_a_schedule_widens_until_it_covers_all(batches: list[list[int]]) -> None:
    questions, schedule = 64, tuple[int, ...]()
    for lengths in batches:
        schedule = widened(schedule, word_counts(np.array(lengths)), questions)
    assert schedule[0] == questions
    assert list(schedule) == sorted(schedule, reverse=True)
    for lengths in batches:
        assert covers(schedule, word_counts(np.array(lengths)))


def test_what_is_longer_or_more_is_not_covered() -> None:
    assert covers((4, 2), (4, 2))
    assert covers((4, 2), ())
    assert not covers((4, 2), (4, 3))
    assert not covers((4, 2), (4, 2, 1))
