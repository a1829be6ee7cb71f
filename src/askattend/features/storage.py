"""Features as a store holds them: floats, or 8-bit codes with the range of each region."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

Dtype = Literal["float16", "float32", "int8"]
Shape = tuple[int, int, int]
Array = np.ndarray[Any, np.dtype[Any]]

# The type that features are read as; 8-bit ones become float16, which holds all that is left.
DTYPES: dict[Dtype, torch.dtype] = {
    "float16": torch.float16,
    "float32": torch.float32,
    "int8": torch.float16,
}
TENSOR, RANGES = "regions", "ranges"
STEPS = 255


def quantise(
    regions: Float[Tensor, "images regions region_dim"],
) -> tuple[UInt8[Tensor, "images regions region_dim"], Float[Tensor, "images regions 2"]]:
    """Code each region's numbers as 0 to 255 between its least and its greatest.

    v ≈ low + code·step, with low = min v and step = (max v − min v) / 255, both float32. The error
    is at most step / 2 (and float32's own rounding); after a ReLU low is 0, so that 0 stays 0.

    Returns:
        the codes, and low and step of each region.
    """
    values = regions.float()
    low, high = values.aminmax(dim=-1, keepdim=True)
    step = (high - low) / STEPS
    codes = (values - low).div_(step).round_()
    # A region of equal numbers has step 0, and 0 / 0 for codes, which count for nothing.
    return codes.nan_to_num_(0.0).clamp_(0, STEPS).byte(), torch.cat([low, step], dim=-1)


def dequantise(
    codes: UInt8[Tensor, "*images regions region_dim"], ranges: Float[Tensor, "*images regions 2"]
) -> Float[Tensor, "*images regions region_dim"]:
    """Decode to float32, the same to the last bit wherever it is computed."""
    low, step = ranges.split(1, dim=-1)
    return codes.float().mul_(step).add_(low)  # not fused, which would round otherwise


@dataclass(frozen=True)
class ShardFeatures:
    """Features of some images as a shard holds them.

    Attributes:
        regions: floats, or codes.
        ranges: low and step of each region, where `regions` holds codes.
        dtype: which of both.
    """

    regions: Tensor
    ranges: Tensor | None
    dtype: Dtype

    @classmethod
    def zeros(cls, shape: Shape, dtype: Dtype) -> ShardFeatures:
        """Make features to be filled in, of shape images × regions × region_dim."""
        tensors = {
            name: torch.zeros(size, dtype=d) for name, (size, d) in layout(shape, dtype).items()
        }
        return cls.from_tensors(tensors, dtype)

    @classmethod
    def from_tensors(cls, tensors: dict[str, Tensor], dtype: Dtype) -> ShardFeatures:
        """Take the tensors of a shard."""
        return cls(tensors[TENSOR], tensors.get(RANGES), dtype)

    def tensors(self) -> dict[str, Tensor]:
        """Return the tensors of a shard, by name."""
        return {TENSOR: self.regions} | ({} if self.ranges is None else {RANGES: self.ranges})

    def write(self, at: slice, features: Float[Tensor, "images regions region_dim"]) -> None:
        """Store the features of some images."""
        if self.ranges is None:
            self.regions[at] = features
        else:
            self.regions[at], self.ranges[at] = quantise(features)

    def read(self, at: slice) -> Float[Tensor, "images regions region_dim"]:
        """Return a copy of the features of some images, in `DTYPES`' type."""
        slots = range(len(self.regions))[at]
        features = empty_features((len(slots), *self.regions.shape[1:]), self.dtype)
        for row, slot in zip(features, slots, strict=True):
            self.read_into(slot, row)
        return torch.from_numpy(features)

    def read_into(self, slot: int, features: Array) -> None:
        """Copy one image's features, regions × region_dim, into an array of `DTYPES`' type."""
        if self.ranges is None:
            # NumPy copies in this thread alone. PyTorch's threads gain little, memory being the
            # limit, and wait for each other on a busy machine.
            features[...] = self._array[slot]
        else:
            # One image at a time, intermediate values stay in the processor's cache.
            values = dequantise(self.regions[slot], self.ranges[slot])
            torch.from_numpy(features).copy_(values)

    @cached_property
    def _array(self) -> Array:
        return self.regions.numpy()


def empty_features(shape: Shape, dtype: Dtype) -> Array:
    """Allocate an array for features to be read into."""
    # By NumPy, which asks for huge pages; PyTorch does not.
    return np.empty(shape, np.float32 if dtype == "float32" else np.float16)


def digest_of_tensors(tensors: Mapping[str, Tensor]) -> str:
    """Compute the SHA-256 of a shard's tensors, whatever their order in its file."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        digest.update(f"{name}\0".encode())
        # As NumPy has it in memory: hashed without a copy, and without holding up other threads.
        digest.update(tensors[name].contiguous().view(torch.uint8).numpy().data)
    return digest.hexdigest()


def layout(shape: Shape, dtype: Dtype) -> dict[str, tuple[Shape, torch.dtype]]:
    """Return the shape and type of each tensor of a shard, by name."""
    if dtype != "int8":
        return {TENSOR: (shape, DTYPES[dtype])}
    return {TENSOR: (shape, torch.uint8), RANGES: ((*shape[:2], 2), torch.float32)}
