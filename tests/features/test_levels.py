"""Features of two grids against a loop over regions."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from askattend.features.levels import (
    COORDINATE_SCALE,
    StoredLevels,
    blank_out,
    coordinates_of,
    join,
    levels_layout,
)
from askattend.features.storage import DTYPES, Dtype, ShardFeatures, empty_features

DTYPE = st.sampled_from(["float16", "float32", "int8"])
SIDE = st.integers(1, 3)


def drawn(data: Any, *shape: int) -> torch.Tensor:
    seed = data.draw(st.integers(0, 99))
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@given(SIDE, SIDE, DTYPE, st.data())
def test_what_is_read_is_each_level_where_the_region_lies(
    rows: int, columns: int, dtype: Dtype, data: Any
) -> None:
    grids = (2 * rows, 2 * columns, 3), (rows, columns, 5)
    levels = [drawn(data, 4, r * c, dim) for r, c, dim in grids]
    stored = StoredLevels.zeros(4, grids, dtype)
    stored.write(slice(None), levels)
    read = stored.read(slice(1, 3))
    assert read.dtype == DTYPES[dtype]
    assert read.shape == (2, 4 * rows * columns, 8)
    alone = []
    for level in levels:
        one = ShardFeatures.zeros((4, *level.shape[1:]), dtype)
        one.write(slice(None), level)
        alone.append(one.read(slice(1, 3)))
    for row in range(2 * rows):
        for column in range(2 * columns):
            region, coarse = row * 2 * columns + column, row // 2 * columns + column // 2
            wanted = torch.cat([alone[0][:, region], alone[1][:, coarse]], dim=1)
            assert torch.equal(read[:, region], wanted)
    assert torch.equal(join(alone, grids), read)
    (into,) = empty_features((1, 4 * rows * columns, 8), dtype)
    stored.read_into(2, into)
    assert torch.equal(torch.from_numpy(into), read[1])


@given(DTYPE, st.booleans())
def test_a_shard_s_tensors_are_those_of_its_layout(dtype: Dtype, two: bool) -> None:
    grids = ((4, 2, 3), (2, 1, 5))[: 1 + two]
    stored = StoredLevels.zeros(6, grids, dtype)
    tensors, layout = stored.tensors(), levels_layout(6, grids, dtype)
    assert {name: (tuple(t.shape), t.dtype) for name, t in tensors.items()} == layout
    again = StoredLevels.from_tensors(tensors, grids, dtype)
    assert again.tensors().keys() == tensors.keys()
    assert all(again.tensors()[name] is tensor for name, tensor in tensors.items())


@pytest.mark.parametrize("dtype", DTYPES)
def test_one_level_is_read_as_it_is(dtype: Dtype) -> None:
    features = torch.randn(2, 6, 3)
    one, stored = ShardFeatures.zeros((2, 6, 3), dtype), StoredLevels.zeros(2, ((2, 3, 3),), dtype)
    one.write(slice(None), features)
    stored.write(slice(None), [features])
    assert torch.equal(stored.read(slice(None)), one.read(slice(None)))


@pytest.mark.parametrize("dtype", DTYPES)
def test_regions_that_show_nothing_are_zeros_in_every_level(dtype: Dtype) -> None:
    grids = (4, 2, 3), (2, 1, 5)
    levels = [torch.rand(1, rows * columns, dim) + 1 for rows, columns, dim in grids]
    shown = torch.tensor([[False, False, False, True, True, True, True, False]])
    stored = StoredLevels.zeros(1, grids, dtype)
    stored.write(slice(None), blank_out(levels, shown))
    read = stored.read(slice(None))
    assert torch.equal(read.any(dim=-1), shown)
    assert torch.equal((read != 0).all(dim=-1), shown)
    (into,) = empty_features((1, 8, 8), dtype)
    stored.read_into(0, into)
    assert torch.equal(torch.from_numpy(into), read[0])


@given(st.integers(1, 4), st.integers(1, 4), st.data())
def test_a_place_is_its_centre_on_the_scale_of_its_region(
    rows: int, columns: int, data: Any
) -> None:
    regions = drawn(data, 2, rows * columns, 5)
    regions[0, 0] = 0
    places = coordinates_of(regions, rows, columns)
    for row in range(rows):
        for column in range(columns):
            region = row * columns + column
            centre = torch.tensor([(column + 0.5) / columns, (row + 0.5) / rows]) * 2 - 1
            wanted = COORDINATE_SCALE * regions[:, region].norm(dim=-1, keepdim=True) * centre
            torch.testing.assert_close(places[:, region], wanted)
    assert coordinates_of(regions.half(), rows, columns).dtype == torch.float16
