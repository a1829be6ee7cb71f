"""Numbers as people write them."""

from __future__ import annotations

import pytest

from askattend.errors import ConfigError
from askattend.planning.quantity import read_quantity


@pytest.mark.parametrize("text", ["100e6", "100M", "100m", "100_000_000", "1e8", "0.1G", "0.1b"])
def test_one_number_has_many_forms(text: str) -> None:
    assert read_quantity(text, "images", least=1, whole=True) == 100_000_000
    assert read_quantity("100,000,000", "images") == 100_000_000


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("many", "not a number"),
        ("nan", "not a number"),
        ("inf", "not a number"),
        ("1__0", "not a number"),
        ("1,5", "not a number"),
        ("10Q", "not a number"),
        ("", "not a number"),
        ("٣", "not a number"),
        ("1e400", "too large"),
        ("9e18", "too large"),
        ("-5", "at least 1"),
        ("0", "at least 1"),
        ("2.5", "whole"),
    ],
)
def test_what_is_none_says_so(text: str, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem) as error:
        read_quantity(text, "images", least=1, whole=True)
    assert str(error.value).startswith(f"--images {text}: ")
    assert error.value.remedy
