"""Shares of a work's parts: every part in exactly one."""

from __future__ import annotations

from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from askattend.errors import ConfigError
from askattend.features.shares import parts_of_share


@given(st.integers(0, 300), st.integers(1, 40))
def test_each_shard_is_in_one_share(parts: int, shares: int) -> None:
    each = [parts_of_share(f"{number}/{shares}", parts) for number in range(1, shares + 1)]
    assert list(chain.from_iterable(each)) == list(range(parts))
    sizes = [len(share) for share in each]
    assert max(sizes) - min(sizes) <= 1
    assert parts_of_share("", parts) == range(parts)


def test_a_share_of_more_digits_than_python_reads_is_none() -> None:
    with pytest.raises(ConfigError, match="is no share of the work"):
        parts_of_share("1/" + "9" * 5000, 4)
