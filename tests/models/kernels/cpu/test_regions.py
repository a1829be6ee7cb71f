"""Regions in other types, and of length 1, in C."""

from __future__ import annotations

import pytest
import torch

from askattend.models.kernels.cpu.regions import cast, l2_normalise

INTO = [torch.float32, torch.bfloat16]


def test_every_float16_is_read() -> None:
    every = torch.arange(-(2**15), 2**15).to(torch.int16).view(torch.float16)
    assert torch.equal(
        cast(every, torch.float32).nan_to_num(123.0), every.float().nan_to_num(123.0)
    )


@pytest.mark.parametrize("dtype", INTO)
def test_numbers_are_rounded_as_pytorch_does(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    bits = torch.randint(-(2**31), 2**31, (100_000,)).to(torch.int32)
    numbers = bits.view(torch.float32)
    assert torch.equal(cast(numbers, dtype).isnan(), numbers.isnan())
    whole = ~numbers.isnan()
    assert torch.equal(cast(numbers, dtype)[whole], numbers.to(dtype)[whole])


@pytest.mark.parametrize("dtype", INTO)
@pytest.mark.parametrize("stored", [torch.float16, torch.float32])
@pytest.mark.parametrize("dim", [1, 13, 120, 5000])
def test_rows_are_divided_by_their_lengths(
    dim: int, stored: torch.dtype, dtype: torch.dtype
) -> None:
    torch.manual_seed(0)
    regions = torch.randn(2, 5, dim).to(stored)
    regions[0, 0] = 0
    length = regions.double().norm(dim=-1, keepdim=True)
    found = l2_normalise(regions, dtype)
    assert found.dtype == dtype
    error = (found.double() - regions.double() / (length + 1e-8)).abs().max()
    assert error < (1e-6 if dtype == torch.float32 else 4e-3)
