"""Regions of length 1 or of another type, and dropout without a gradient: one pass each."""

import torch
import triton
import triton.language as tl
from torch import Tensor

from askattend.models.kernels.gpu.jit import ROWS, draw_seed, jit, kept, power_of_two, threshold

# Numbers of each of the eight rows that a program of `dropout` goes over.
COLUMNS = 512


def l2_normalise(regions: Tensor, dtype: torch.dtype) -> Tensor:
    """v / (‖v‖₂ + ε) at each region, in `dtype`; computed in float32."""
    regions = regions.contiguous()
    units = torch.empty(regions.shape, dtype=dtype, device=regions.device)
    dim = regions.shape[-1]
    if units.numel():
        rows = regions.numel() // dim
        _normalise[(rows,)](regions, units, dim, DIM=power_of_two(dim), num_warps=4)
    return units


def cast(regions: Tensor, dtype: torch.dtype) -> Tensor:
    """Copy the regions in another type."""
    regions = regions.contiguous()
    copied, size = torch.empty_like(regions, dtype=dtype), regions.numel()
    if size:
        programs = (triton.cdiv(size, ROWS * COLUMNS),)
        _cast[programs](regions, copied, size, COLUMNS=ROWS * COLUMNS, num_warps=4)
    return copied


def gather(table: Tensor, rows: Tensor, dtype: torch.dtype) -> Tensor:
    """Copy some images' regions out of a table of all images', in another type."""
    size = table[0].numel()
    gathered = table.new_empty((len(rows), *table.shape[1:]), dtype=dtype)
    programs = (len(rows), triton.cdiv(size, ROWS * COLUMNS))
    if gathered.numel():
        _gather[programs](table, rows, gathered, size, COLUMNS=ROWS * COLUMNS, num_warps=4)
    return gathered


def dropout(x: Tensor, p: float) -> Tensor:
    """Zero each element with probability p, and scale the others by 1 / (1 - p)."""
    x = x.contiguous()
    dropped, size = torch.empty_like(x), x.numel()
    if size:
        _dropout[(triton.cdiv(size, ROWS * COLUMNS),)](
            x, dropped, draw_seed(x.device), size, threshold(p), 1 / (1 - p) if p < 1 else 0.0,
            COLUMNS=COLUMNS, num_warps=2,
        )  # fmt: skip
    return dropped


@jit()
def _normalise(regions, units, dim, DIM: tl.constexpr):
    d = tl.arange(0, DIM)
    place = tl.program_id(0).to(tl.int64) * dim + d
    v = tl.load(regions + place, mask=d < dim, other=0.0).to(tl.float32)
    length = tl.sqrt(tl.sum(v * v, axis=0)) + 1e-8
    tl.store(units + place, (v / length).to(units.dtype.element_ty), mask=d < dim)


@jit()
def _cast(regions, copied, size, COLUMNS: tl.constexpr):
    place = tl.program_id(0).to(tl.int64) * COLUMNS + tl.arange(0, COLUMNS)
    value = tl.load(regions + place, mask=place < size, other=0.0)
    tl.store(copied + place, value.to(copied.dtype.element_ty), mask=place < size)


@jit()
def _gather(table, rows, gathered, size, COLUMNS: tl.constexpr):
    column = tl.program_id(1) * COLUMNS + tl.arange(0, COLUMNS)
    value = tl.load(table + tl.load(rows + tl.program_id(0)) * size + column, mask=column < size)
    place = gathered + tl.program_id(0).to(tl.int64) * size + column
    tl.store(place, value.to(gathered.dtype.element_ty), mask=column < size)


@jit("below")
def _dropout(x, dropped, seed, size, below, scale, COLUMNS: tl.constexpr):
    row = tl.program_id(0).to(tl.int64) * 8 + tl.arange(0, 8)
    column = tl.arange(0, COLUMNS)
    place = row[:, None] * COLUMNS + column[None, :]
    value = tl.load(x + place, mask=place < size, other=0.0).to(tl.float32)
    stays = kept(tl.load(seed), tl.program_id(0) * COLUMNS + column, below)
    value = tl.where(stays, value * scale, 0.0)
    tl.store(dropped + place, value.to(dropped.dtype.element_ty), mask=place < size)
