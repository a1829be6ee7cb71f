"""The weighted sum of regions against one sum a question."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from askattend.models.kernels import weighted_sum


@given(st.lists(st.integers(0, 4), min_size=1, max_size=12), st.integers(1, 3))
def test_weighted_sum_is_a_sum_a_question(image_index: list[int], maps: int) -> None:
    generator = torch.Generator().manual_seed(len(image_index))
    attention = torch.rand(len(image_index), maps, 3, generator=generator)
    regions = torch.rand(5, 3, 2, generator=generator)
    pooled = weighted_sum(attention, regions, torch.tensor(image_index))
    expected = torch.einsum("qmr,qrd->qmd", attention, regions[image_index])
    torch.testing.assert_close(pooled, expected)
