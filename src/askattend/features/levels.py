"""Features on one grid, or on two: a coarser one is stored as it is, and joined when read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from askattend.features.storage import Array, Dtype, Shape, ShardFeatures, empty_features, layout

# Rows, columns and channels of one map.
Grid = tuple[int, int, int]
# In a shard's names of tensors, the finest level first.
PREFIXES = ("", "coarse_")
# What a place counts beside what is seen there: at a corner, where it counts most, as much as half
# the region's own norm in each direction.
COORDINATE_SCALE = 0.5


def levels_layout(
    images: int, grids: Sequence[Grid], dtype: Dtype
) -> dict[str, tuple[Shape, torch.dtype]]:
    """Return the shape and type of each tensor of a shard, by name."""
    return {
        f"{prefix}{name}": tensor
        for prefix, (rows, columns, dim) in zip(PREFIXES, grids, strict=False)
        for name, tensor in layout((images, rows * columns, dim), dtype).items()
    }


def join(
    levels: Sequence[Float[Tensor, "images _ _"]], grids: Sequence[Grid]
) -> Float[Tensor, "images regions region_dim"]:
    """Join levels on the finest grid: a region gets what the coarser one has where it lies.

    A region whose finest level is all zeros shows nothing of the picture, and stays all zeros.

    Args:
        levels: images × regions × channels each, the finest first.
        grids: their grids; each side of a coarser one divides the finest's.
    """
    fine, *others = levels
    if not others:
        return fine
    rows, columns, _ = grids[0]
    on_grid = [
        level.unflatten(1, grid[:2])
        .repeat_interleave(rows // grid[0], dim=1)
        .repeat_interleave(columns // grid[1], dim=2)
        .flatten(1, 2)
        for level, grid in zip(others, grids[1:], strict=True)
    ]
    shown = fine.any(dim=-1, keepdim=True)
    return torch.cat([fine, *(level * shown for level in on_grid)], dim=-1)


def blank_out(
    levels: Sequence[Float[Tensor, "images _ _"]], shown: Bool[Tensor, "images regions"]
) -> list[Float[Tensor, "images _ _"]]:
    """Set regions that show nothing of their picture to zeros, in the finest level.

    `join` does so in the coarser one, where a region may show something beside them.
    """
    fine, *others = levels
    return [fine.masked_fill(~shown[..., None], 0.0), *others]


def coordinates_of(
    regions: Float[Tensor, "images regions region_dim"], rows: int, columns: int
) -> Float[Tensor, "images regions 2"]:
    """Return x and y of each region's centre, from -1 (left, top) to 1, for two more channels.

    They are scaled by `COORDINATE_SCALE`·‖v‖₂ of their region: a network that divides regions by
    their norm, as SAAA does, sees every place at the same scale, and one that does not finds them
    as large as the rest. A region of zeros stays one.
    """
    places = scaled_places(rows, columns, regions.device)
    placed: Tensor = regions.float().norm(dim=-1, keepdim=True) * places
    return placed.to(regions.dtype)


def scaled_places(rows: int, columns: int, device: torch.device) -> Float[Tensor, "regions 2"]:
    """Return x and y of each region's centre times `COORDINATE_SCALE`."""
    y, x = ((2 * torch.arange(side, device=device) + 1 - side) / side for side in (rows, columns))
    places = torch.stack([x.repeat(rows), y.repeat_interleave(columns)], dim=-1)
    return COORDINATE_SCALE * places


@dataclass(frozen=True)
class StoredLevels:
    """Features of some images as a shard holds them, level by level.

    Attributes:
        levels: the finest first.
        grids: their grids.
    """

    levels: tuple[ShardFeatures, ...]
    grids: tuple[Grid, ...]

    @classmethod
    def zeros(cls, images: int, grids: tuple[Grid, ...], dtype: Dtype) -> StoredLevels:
        """Make features to be filled in."""
        shapes = [(images, rows * columns, dim) for rows, columns, dim in grids]
        return cls(tuple(ShardFeatures.zeros(shape, dtype) for shape in shapes), grids)

    @classmethod
    def from_tensors(
        cls, tensors: dict[str, Tensor], grids: tuple[Grid, ...], dtype: Dtype
    ) -> StoredLevels:
        """Take the tensors of a shard, named as `levels_layout` does."""
        levels = []
        for prefix, (rows, columns, dim) in zip(PREFIXES, grids, strict=False):
            names = layout((1, rows * columns, dim), dtype)
            own = {name: tensors[f"{prefix}{name}"] for name in names}
            levels.append(ShardFeatures.from_tensors(own, dtype))
        return cls(tuple(levels), grids)

    def tensors(self) -> dict[str, Tensor]:
        """Return the tensors of a shard, by name."""
        return {
            f"{prefix}{name}": tensor
            for prefix, level in zip(PREFIXES, self.levels, strict=False)
            for name, tensor in level.tensors().items()
        }

    def write(self, at: slice, levels: Sequence[Float[Tensor, "images _ _"]]) -> None:
        """Store the features of some images."""
        for level, features in zip(self.levels, levels, strict=True):
            level.write(at, features)

    def read(self, at: slice) -> Float[Tensor, "images regions region_dim"]:
        """Return a copy of the features of some images, joined, in the type they are read as."""
        return join([level.read(at) for level in self.levels], self.grids)

    def read_into(self, slot: int, features: Array) -> None:
        """Copy one image's features, joined, into an array: regions × region_dim."""
        fine, *others = self.levels
        rows, columns, start = self.grids[0]
        fine.read_into(slot, features[:, :start])
        for level, (coarse_rows, coarse_columns, dim) in zip(others, self.grids[1:], strict=True):
            own = empty_features((coarse_rows, coarse_columns, dim), level.dtype)
            level.read_into(slot, own.reshape(-1, dim))
            # A view of the result with an axis of its own for each region's place in the coarser
            # one, along which the coarser region is repeated.
            sides = (coarse_rows, rows // coarse_rows, coarse_columns, columns // coarse_columns)
            blocks = features.reshape(*sides, -1)
            blocks[..., start : start + dim] = np.expand_dims(own, (1, 3))
            start += dim
        if others:
            # A region that shows nothing of its picture, as `join` has it. Whole numbers are
            # compared quicker than halves.
            bits = features[:, : self.grids[0][2]].view(f"u{features.itemsize}")
            features[~bits.any(axis=1)] = 0
