"""Regions of length 1, in one pass from the type that they are stored in."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from askattend.models.kernels.cpu.buffer_pool import empty_from_pool
from askattend.native.library import call

SOURCES = {torch.float16: "f16", torch.float32: "f32"}


def l2_normalise(
    regions: Float[Tensor, "images regions dim"], dtype: torch.dtype
) -> Float[Tensor, "images regions dim"]:
    """v / (‖v‖₂ + ε) at each region, in `dtype`; norm and quotient in float32. No gradient.

    Args:
        regions: of a type in `SOURCES`.
        dtype: float32 or bfloat16.
    """
    regions = regions.contiguous()
    units = empty_from_pool(regions.shape, dtype, regions.device)
    name = f"l2_normalise_{SOURCES[regions.dtype]}"
    call(name, dtype, regions, regions[..., 0].numel(), regions.shape[-1], units)
    return units


def cast(regions: Float[Tensor, "*shape"], dtype: torch.dtype) -> Float[Tensor, "*shape"]:
    """Copy regions of a type in `SOURCES` as float32 or bfloat16. No gradient."""
    regions = regions.contiguous()
    copied = empty_from_pool(regions.shape, dtype, regions.device)
    call(f"cast_{SOURCES[regions.dtype]}", dtype, regions, regions.numel(), copied)
    return copied
