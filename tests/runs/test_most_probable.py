"""Ranks of answers, against Python's own sort."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from askattend.runs.most_probable import most_probable

rows = st.integers(1, 12).flatmap(
    lambda width: st.lists(
        st.lists(st.integers(-2, 2), min_size=width, max_size=width), min_size=1, max_size=5
    )
)


@given(rows, st.data())
def test_equal_answers_stand_in_the_order_of_the_vocabulary(
    values: list[list[int]], data: st.DataObject
) -> None:
    count = data.draw(st.integers(1, len(values[0])))
    logits = torch.tensor(values).bfloat16()
    expected = [sorted(range(len(row)), key=lambda i: -row[i])[:count] for row in values]
    assert most_probable(logits, count).tolist() == expected
    assert most_probable(logits, 1)[:, 0].tolist() == logits.argmax(dim=1).tolist()


def test_many_equal_answers_of_a_large_vocabulary() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(40, 3000, generator=generator).bfloat16()
    found = most_probable(logits, 50)
    expected = logits.float().argsort(dim=1, descending=True, stable=True)[:, :50]
    assert torch.equal(found, expected)
    assert found.unique().numel() > 50
