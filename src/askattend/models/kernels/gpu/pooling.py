"""The weighted sum of an image's regions, read where they are instead of copied once a question.

The reference is `askattend.models.kernels.pooling.reference`.
"""

from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor
from torch.autograd.function import once_differentiable

from askattend.models.kernels.gpu.jit import exact_dot, jit, power_of_two

# Regions and their numbers in a tile.
ROWS, COLUMNS = 32, 128


def weighted_sum(attention: Tensor, regions: Tensor, image_index: Tensor) -> Tensor:
    """Σ_l α_{c,l} φ_l of each question's image: questions × maps × dim, in the regions' type."""
    arguments = (attention.contiguous(), regions.contiguous(), image_index)
    summed: Tensor = _WeightedSum.apply(*arguments)
    return summed


class _WeightedSum(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, attention: Tensor, regions: Tensor, index: Tensor) -> Tensor:
        ctx.save_for_backward(attention, regions, index)
        (questions, maps, _), (_, count, dim) = attention.shape, regions.shape
        summed = regions.new_empty(questions, maps, dim)
        if summed.numel():
            _forward[(questions, triton.cdiv(dim, COLUMNS))](
                attention, regions, index, summed,
                COUNT=count, DIM=dim, MAPS=maps,
                MAPS_16=max(16, power_of_two(maps)), EXACT=exact_dot(),
                ROWS=ROWS, COLUMNS=COLUMNS,
                num_warps=4,
            )  # fmt: skip
        return summed

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_summed: Tensor) -> tuple[Tensor | None, ...]:
        attention, regions, index = ctx.saved_tensors
        (questions, maps, _), (images, count, dim) = attention.shape, regions.shape
        d_summed = d_summed.contiguous()
        d_attention, d_regions = torch.empty_like(attention), None
        _backward_attention[(questions, triton.cdiv(count, ROWS))](
            d_summed, regions, index, d_attention,
            COUNT=count, DIM=dim, MAPS=maps,
                MAPS_16=max(16, power_of_two(maps)), EXACT=exact_dot(),
                ROWS=ROWS, COLUMNS=COLUMNS, num_warps=4,
        )  # fmt: skip
        if ctx.needs_input_grad[1]:
            d_regions = torch.empty_like(regions)
            _backward_regions[(images, triton.cdiv(count, ROWS), triton.cdiv(dim, COLUMNS))](
                d_summed, attention, index, d_regions, questions,
                COUNT=count, DIM=dim, MAPS=maps, ROWS=ROWS, COLUMNS=COLUMNS,
                QUESTIONS=power_of_two(questions), num_warps=4,
            )  # fmt: skip
        return d_attention, d_regions, None


@jit()
def _forward(
    attention,
    regions,
    index,
    summed,
    COUNT: tl.constexpr,
    DIM: tl.constexpr,
    MAPS: tl.constexpr,
    MAPS_16: tl.constexpr,
    EXACT: tl.constexpr,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
):
    q = tl.program_id(0)
    d = tl.program_id(1) * COLUMNS + tl.arange(0, COLUMNS)
    m = tl.arange(0, MAPS_16)
    i = tl.load(index + q)
    total = tl.zeros((MAPS_16, COLUMNS), tl.float32)
    for start in range(0, COUNT, ROWS):
        r = start + tl.arange(0, ROWS)
        inside = (m < MAPS)[:, None] & (r < COUNT)[None, :]
        a = tl.load(
            attention + (q * MAPS + m)[:, None] * COUNT + r[None, :], mask=inside, other=0.0
        )
        inside = (r < COUNT)[:, None] & (d < DIM)[None, :]
        v = tl.load(regions + (i * COUNT + r)[:, None] * DIM + d[None, :], mask=inside, other=0.0)
        a = a.to(v.dtype)
        if EXACT:
            a, v = a.to(tl.float32), v.to(tl.float32)
        total = tl.dot(a, v, total, input_precision="ieee")
    inside = (m < MAPS)[:, None] & (d < DIM)[None, :]
    place = summed + (q * MAPS + m)[:, None] * DIM + d[None, :]
    tl.store(place, total.to(summed.dtype.element_ty), mask=inside)


@jit()
def _backward_attention(
    d_summed,
    regions,
    index,
    d_attention,
    COUNT: tl.constexpr,
    DIM: tl.constexpr,
    MAPS: tl.constexpr,
    MAPS_16: tl.constexpr,
    EXACT: tl.constexpr,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
):
    q = tl.program_id(0)
    r = tl.program_id(1) * ROWS + tl.arange(0, ROWS)
    m = tl.arange(0, MAPS_16)
    i = tl.load(index + q)
    total = tl.zeros((MAPS_16, ROWS), tl.float32)
    for start in range(0, DIM, COLUMNS):
        d = start + tl.arange(0, COLUMNS)
        inside = (m < MAPS)[:, None] & (d < DIM)[None, :]
        g = tl.load(d_summed + (q * MAPS + m)[:, None] * DIM + d[None, :], mask=inside, other=0.0)
        inside = (r < COUNT)[:, None] & (d < DIM)[None, :]
        v = tl.load(regions + (i * COUNT + r)[:, None] * DIM + d[None, :], mask=inside, other=0.0)
        g = g.to(v.dtype)
        if EXACT:
            g, v = g.to(tl.float32), v.to(tl.float32)
        total = tl.dot(g, tl.trans(v), total, input_precision="ieee")
    inside = (m < MAPS)[:, None] & (r < COUNT)[None, :]
    place = d_attention + (q * MAPS + m)[:, None] * COUNT + r[None, :]
    tl.store(place, total.to(d_attention.dtype.element_ty), mask=inside)


@jit("questions")
def _backward_regions(
    d_summed,
    attention,
    index,
    d_regions,
    questions,
    COUNT: tl.constexpr,
    DIM: tl.constexpr,
    MAPS: tl.constexpr,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
    QUESTIONS: tl.constexpr,
):
    i = tl.program_id(0)
    r = tl.program_id(1) * ROWS + tl.arange(0, ROWS)
    d = tl.program_id(2) * COLUMNS + tl.arange(0, COLUMNS)
    each = tl.arange(0, QUESTIONS)
    total = tl.zeros((ROWS, COLUMNS), tl.float32)
    about = tl.load(index + each, mask=each < questions, other=-1) == i
    q = tl.min(tl.where(about, each, QUESTIONS), axis=0)
    while q < QUESTIONS:
        for c in tl.static_range(MAPS):
            a = tl.load(attention + (q * MAPS + c) * COUNT + r, mask=r < COUNT, other=0.0)
            g = tl.load(d_summed + (q * MAPS + c) * DIM + d, mask=d < DIM, other=0.0)
            total += a.to(tl.float32)[:, None] * g.to(tl.float32)[None, :]
        q = tl.min(tl.where(about & (each > q), each, QUESTIONS), axis=0)
    inside = (r < COUNT)[:, None] & (d < DIM)[None, :]
    place = d_regions + (i.to(tl.int64) * COUNT + r)[:, None] * DIM + d[None, :]
    tl.store(place, total.to(d_regions.dtype.element_ty), mask=inside)
