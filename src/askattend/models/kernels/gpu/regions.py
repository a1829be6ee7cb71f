"""Regions of length 1, and dropout where no gradient is needed: each in one pass over memory."""

import torch
import triton
import triton.language as tl
from torch import Tensor

from askattend.models.kernels.gpu.jit import draw_seed, jit, kept, power_of_two, threshold

# Numbers that a program of `dropout` goes over.
COLUMNS = 4096


def l2_normalise(regions: Tensor, dtype: torch.dtype) -> Tensor:
    """v / (‖v‖₂ + ε) at each region, in `dtype`; computed in float32."""
    regions = regions.contiguous()
    units = torch.empty(regions.shape, dtype=dtype, device=regions.device)
    dim = regions.shape[-1]
    if units.numel():
        rows = regions.numel() // dim
        _normalise[(rows,)](regions, units, dim, DIM=power_of_two(dim), num_warps=4)
    return units


def dropout(x: Tensor, p: float) -> Tensor:
    """Zero each element with probability p, and scale the others by 1 / (1 - p)."""
    x = x.contiguous()
    dropped, size = torch.empty_like(x), x.numel()
    if size:
        _dropout[(triton.cdiv(size, COLUMNS),)](
            x, dropped, draw_seed(x.device), size, threshold(p), 1 / (1 - p) if p < 1 else 0.0,
            COLUMNS=COLUMNS, num_warps=8,
        )  # fmt: skip
    return dropped


@jit()
def _normalise(regions, units, dim, DIM: tl.constexpr):
    d = tl.arange(0, DIM)
    place = tl.program_id(0).to(tl.int64) * dim + d
    v = tl.load(regions + place, mask=d < dim, other=0.0).to(tl.float32)
    length = tl.sqrt(tl.sum(v * v, axis=0)) + 1e-8
    tl.store(units + place, (v / length).to(units.dtype.element_ty), mask=d < dim)


@jit("below")
def _dropout(x, dropped, seed, size, below, scale, COLUMNS: tl.constexpr):
    row = tl.program_id(0) + tl.arange(0, 1)
    place = row.to(tl.int64)[:, None] * COLUMNS + tl.arange(0, COLUMNS)[None, :]
    value = tl.load(x + place, mask=place < size, other=0.0).to(tl.float32)
    value = tl.where(kept(tl.load(seed), row, below, COLUMNS // 4), value * scale, 0.0)
    tl.store(dropped + place, value.to(dropped.dtype.element_ty), mask=place < size)
