"""Features as a store keeps them: what 8 bits lose, and that nothing else is lost."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from torch import Tensor

from askattend.features.storage import (
    DTYPES,
    RANGES,
    TENSOR,
    Dtype,
    ShardFeatures,
    dequantise,
    quantise,
)

FLOAT32 = np.finfo(np.float32).eps
FLOAT16 = np.finfo(np.float16).eps
numbers = st.floats(-60_000, 60_000, width=32)
some_regions = arrays.arrays(
    np.float32,
    arrays.array_shapes(min_dims=3, max_dims=3, max_side=6),
    elements=st.one_of(numbers, st.floats(0, 6, width=32), st.just(0.0)),
)


def exact(codes: Tensor, ranges: Tensor) -> np.ndarray[Any, np.dtype[np.float64]]:
    """What codes stand for, number by number in float64."""
    value = np.zeros(tuple(codes.shape))
    for place in np.ndindex(*codes.shape):
        low, step = ranges[place[:2]].double().tolist()
        value[place] = low + int(codes[place]) * step
    return value


@given(some_regions)
def test_eight_bits_err_by_half_a_step_of_the_region(
    regions: np.ndarray[Any, np.dtype[np.float32]],
) -> None:
    codes, ranges = quantise(torch.from_numpy(regions))
    assert codes.dtype == torch.uint8
    span = np.ptp(regions.astype(np.float64), axis=2, keepdims=True)
    largest = np.abs(regions).max(axis=2, keepdims=True)
    rounding = 4 * FLOAT32 * largest + 256 * np.finfo(np.float32).smallest_subnormal
    error = np.abs(exact(codes, ranges) - regions)
    assert (error <= span / 255 / 2 + rounding).all()
    read = dequantise(codes, ranges).double().numpy()
    assert (np.abs(read - exact(codes, ranges)) <= rounding).all()


@given(some_regions)
def test_what_is_read_errs_by_float16_too_and_0_stays_0_after_a_relu(
    regions: np.ndarray[Any, np.dtype[np.float32]],
) -> None:
    features = np.maximum(regions, 0)
    features[..., 0] = 0
    stored = ShardFeatures.zeros(features.shape, "int8")
    stored.write(slice(None), torch.from_numpy(features))
    read = stored.read(slice(None))
    assert read.dtype == torch.float16
    assert not read[..., 0].any()
    top = features.max(axis=2, keepdims=True).astype(np.float64)
    bound = top / 255 / 2 + top * FLOAT16 / 2 + np.finfo(np.float16).smallest_subnormal
    assert (np.abs(read.double().numpy() - features) <= 1.001 * bound).all()


@given(numbers, st.integers(1, 5))
def test_a_region_of_equal_numbers_is_kept_exactly(value: float, width: int) -> None:
    codes, ranges = quantise(torch.full((1, 1, width), value))
    assert torch.equal(dequantise(codes, ranges), torch.full((1, 1, width), value))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), 1e6])
@pytest.mark.parametrize("dtype", ["float16", "int8"])
def test_what_does_not_fit_is_read_as_not_finite(value: float, dtype: Dtype) -> None:
    """So that whoever writes it can see that, in any dtype."""
    features = torch.tensor([[[1.0, 2.0], [value, 3.0]]])
    stored = ShardFeatures.zeros((1, 2, 2), dtype)
    stored.write(slice(None), features)
    read = stored.read(slice(None))
    assert torch.isfinite(read[0, 0]).all()
    assert not torch.isfinite(read[0, 1]).all()


@given(
    st.sampled_from(["float16", "float32", "int8"]), st.integers(0, 4), st.integers(0, 4), st.data()
)
def test_images_are_kept_slot_by_slot(dtype: Dtype, start: int, count: int, data: Any) -> None:
    """Whatever is put or read together, and from tensors of the layout of a shard."""
    generator = torch.Generator().manual_seed(data.draw(st.integers(0, 99)))
    features = torch.randn(count, 2, 3, generator=generator)
    stored = ShardFeatures.zeros((9, 2, 3), dtype)
    stored.write(slice(start, start + count), features)
    assert set(stored.tensors()) == ({TENSOR, RANGES} if dtype == "int8" else {TENSOR})
    again = ShardFeatures.from_tensors(stored.tensors(), dtype)
    for slot in range(9):
        alone = ShardFeatures.zeros((1, 2, 3), dtype)
        if start <= slot < start + count:
            alone.write(slice(0, 1), features[slot - start][None])
        read = again.read(slice(slot, slot + 1))
        assert read.dtype == DTYPES[dtype]
        assert torch.equal(read, alone.read(slice(0, 1)))
    if dtype == "float32":
        assert torch.equal(stored.read(slice(start, start + count)), features)
