"""The weighted sum of regions against one sum a question."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from askattend.devices import computing_threads
from askattend.models.kernels import expand_to_questions, weighted_sum


@given(st.lists(st.integers(0, 4), min_size=1, max_size=12), st.integers(1, 3))
def test_weighted_sum_is_a_sum_a_question(image_index: list[int], maps: int) -> None:
    generator = torch.Generator().manual_seed(len(image_index))
    attention = torch.rand(len(image_index), maps, 3, generator=generator)
    regions = torch.rand(5, 3, 2, generator=generator)
    pooled = weighted_sum(attention, regions, torch.tensor(image_index))
    expected = torch.einsum("qmr,qrd->qmd", attention, regions[image_index])
    torch.testing.assert_close(pooled, expected)


def test_the_gradient_of_copies_has_the_same_bits_each_time() -> None:
    """By two threads, though many questions are about an image: no thread adds when it comes by."""
    generator = torch.Generator().manual_seed(0)
    image_index = torch.randint(3, (128,), generator=generator)
    regions = torch.randn(3, 196, 512, generator=generator, requires_grad=True)
    gradient = torch.randn(128, 196, 512, generator=generator)
    with computing_threads(2):
        found = [
            torch.autograd.grad(expand_to_questions(regions, image_index), regions, gradient)[0]
            for _ in range(4)
        ]
    assert all(torch.equal(each, found[0]) for each in found[1:])
    expected = torch.stack([gradient[image_index == image].sum(0) for image in range(3)])
    torch.testing.assert_close(found[0], expected, rtol=1e-4, atol=1e-4)
