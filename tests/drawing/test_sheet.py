"""A sheet's texts: wrapped, nothing lost."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from askattend.drawing.sheet import _wrap


@settings(deadline=None)
@given(st.lists(st.text("ab cdé", max_size=9), max_size=12).map(" ".join), st.integers(1, 12))
def test_wrapping_loses_nothing_and_keeps_to_the_width(text: str, width: int) -> None:
    lines = _wrap(text, width, lambda line: float(len(line)))
    assert "".join(lines).replace(" ", "") == "".join(text.split())
    assert all(len(line) <= width for line in lines)
    if all(len(word) <= width for word in text.split()):
        assert " ".join(lines).split() == text.split()
