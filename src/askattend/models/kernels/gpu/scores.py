"""Attention scores of whole tiles: the hidden layer stays in registers, forwards and backwards.

The reference is `askattend.models.kernels.scores.reference`. Dropout's bits are drawn anew in the
backward pass, from the same seed.
"""

from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor
from torch.autograd.function import once_differentiable

from askattend.models.kernels.gpu.jit import (
    COLUMNS_OF_WARP,
    ROWS,
    draw_seed,
    jit,
    kept,
    power_of_two,
    threshold,
)

# Tiles of a question's regions that a program goes over forwards.
TILES = 4
# Of a thread backwards: few enough for twelve warps a multiprocessor.
REGISTERS = 168
ACTIVATIONS = {"relu": 0, "tanh": 1, "identity": 2}


def attention_scores(
    image_projected: Tensor,
    question_projected: Tensor,
    image_index: Tensor,
    weight: Tensor,
    bias: Tensor,
    *,
    activation: str,
    p: float = 0.0,
) -> Tensor:
    """W·drop(σ(image + question)) + b, questions × maps × regions.

    Args:
        image_projected: images × regions × dim.
        question_projected: questions × dim.
        image_index: the image of each question.
        weight: maps × dim, of float32 or as the others.
        bias: maps.
        activation: σ.
        p: of dropout, after ReLU alone; 0 for none.
    """
    seed = draw_seed(image_projected.device) if p else image_index
    sizes = (ACTIVATIONS[activation], p)
    tensors = (image_projected.contiguous(), question_projected.contiguous(), weight, bias)
    scores: Tensor = _Scores.apply(*tensors, image_index, seed, *sizes)
    return scores


class _Scores(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        image: Tensor,
        question: Tensor,
        weight: Tensor,
        bias: Tensor,
        index: Tensor,
        seed: Tensor,
        activation: int,
        p: float,
    ) -> Tensor:
        weight, bias = weight.contiguous(), bias.contiguous()
        ctx.save_for_backward(image, question, weight, index, seed)
        ctx.activation, ctx.p = activation, p
        questions, (_, regions, dim), maps = len(question), image.shape, len(weight)
        scores = image.new_empty(questions, maps, regions)
        width = max(16, power_of_two(dim))
        if scores.numel():
            _forward[(questions, triton.cdiv(regions, TILES * ROWS))](
                image, question, weight, bias, index, seed, scores,
                regions, dim, threshold(p), _scale(p),
                MAPS=maps, ACTIVATION=activation, DROP=p > 0, TILES=TILES, DIM=width,
                num_warps=_warps(width),
            )  # fmt: skip
        return scores

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_scores: Tensor) -> tuple[Tensor | None, ...]:
        image, question, weight, index, seed = ctx.saved_tensors
        (images, regions, dim), maps, questions = image.shape, len(weight), len(question)
        blocks, columns = triton.cdiv(regions, ROWS), min(COLUMNS_OF_WARP, power_of_two(dim))
        d_image = torch.empty_like(image)
        precise = {"dtype": torch.float32, "device": image.device}
        d_question = torch.empty(questions, blocks, dim, **precise)
        d_weight = torch.empty(images * blocks, maps, dim, **precise)
        d_scores = d_scores.contiguous()
        # A warp a program: sums over rows and over questions are each thread's own.
        _backward[(images, blocks, triton.cdiv(dim, columns))](
            image, question, weight, index, seed, d_scores, d_image, d_question, d_weight,
            questions, regions, dim, threshold(ctx.p), _scale(ctx.p),
            MAPS=maps, MAPS_2=power_of_two(maps), ACTIVATION=ctx.activation, DROP=ctx.p > 0,
            DIM=max(16, power_of_two(dim)), COLUMNS=columns,
            QUESTIONS=power_of_two(questions), num_warps=1, maxnreg=REGISTERS,
        )  # fmt: skip
        return (
            d_image,
            d_question.sum(1).to(question.dtype),
            d_weight.sum(0).to(weight.dtype),
            d_scores.sum((0, 2), dtype=torch.float32).to(weight.dtype),
            *(None,) * 4,
        )


def _warps(width: int) -> int:
    return max(1, min(8, width // COLUMNS_OF_WARP))


def _scale(p: float) -> float:
    return 1 / (1 - p) if p < 1 else 0.0


@jit()
def _hidden(v, u, ACTIVATION: tl.constexpr):
    h = v + u[None, :]
    if ACTIVATION == 0:
        h = tl.maximum(h, 0.0)
    if ACTIVATION == 1:
        h = 1.0 - 2.0 / (1.0 + tl.exp(2.0 * h))
    return h


@jit()
def _slope(h, ACTIVATION: tl.constexpr):
    if ACTIVATION == 0:
        slope = (h > 0.0).to(tl.float32)
    elif ACTIVATION == 1:
        slope = 1.0 - h * h
    else:
        slope = h * 0.0 + 1.0
    return slope


@jit("regions", "below")
def _forward(
    image,
    question,
    weight,
    bias,
    index,
    seed,
    scores,
    regions,
    dim,
    below,
    scale,
    MAPS: tl.constexpr,
    ACTIVATION: tl.constexpr,
    DROP: tl.constexpr,
    TILES: tl.constexpr,
    DIM: tl.constexpr,
):
    q, d = tl.program_id(0), tl.arange(0, DIM)
    i = tl.load(index + q)
    blocks = (regions + 7) // 8
    u = tl.load(question + q * dim + d, mask=d < dim, other=0.0).to(tl.float32)
    block = tl.program_id(1) * TILES
    end = tl.minimum(block + TILES, blocks)
    while block < end:
        r = block * 8 + tl.arange(0, 8)
        inside = (r < regions)[:, None] & (d < dim)[None, :]
        v = tl.load(image + (i * regions + r)[:, None] * dim + d[None, :], mask=inside, other=0.0)
        h = _hidden(v.to(tl.float32), u, ACTIVATION)
        if DROP:
            stays = kept(tl.load(seed), (q * blocks + block) * DIM + d, below)
            h = tl.where(stays, h * scale, 0.0)
        for c in tl.static_range(MAPS):
            w = tl.load(weight + c * dim + d, mask=d < dim, other=0.0).to(tl.float32)
            s = tl.sum(h * w[None, :], axis=1) + tl.load(bias + c).to(tl.float32)
            place = scores + (q * MAPS + c) * regions + r
            tl.store(place, s.to(scores.dtype.element_ty), mask=r < regions)
        block += 1


@jit("questions", "regions", "below")
def _backward(
    image,
    question,
    weight,
    index,
    seed,
    d_scores,
    d_image,
    d_question,
    d_weight,
    questions,
    regions,
    dim,
    below,
    scale,
    MAPS: tl.constexpr,
    MAPS_2: tl.constexpr,
    ACTIVATION: tl.constexpr,
    DROP: tl.constexpr,
    DIM: tl.constexpr,
    COLUMNS: tl.constexpr,
    QUESTIONS: tl.constexpr,
):
    i, block, blocks = tl.program_id(0), tl.program_id(1), tl.num_programs(1)
    r = block * 8 + tl.arange(0, 8)
    d = tl.program_id(2) * COLUMNS + tl.arange(0, COLUMNS)
    m, each = tl.arange(0, MAPS_2), tl.arange(0, QUESTIONS)
    inside = (r < regions)[:, None] & (d < dim)[None, :]
    place = (i.to(tl.int64) * regions + r)[:, None] * dim + d[None, :]
    v = tl.load(image + place, mask=inside, other=0.0)
    d_v = tl.zeros((8, COLUMNS), tl.float32)
    d_w = tl.zeros((MAPS_2, COLUMNS), tl.float32)
    about = tl.load(index + each, mask=each < questions, other=-1) == i
    q = tl.min(tl.where(about, each, QUESTIONS), axis=0)
    while q < QUESTIONS:
        u = tl.load(question + q * dim + d, mask=d < dim, other=0.0).to(tl.float32)
        h = _hidden(v.to(tl.float32), u, ACTIVATION)
        if DROP:
            stays = kept(tl.load(seed), (q * blocks + block) * DIM + d, below)
            h = tl.where(stays, h * scale, 0.0)
        g = tl.zeros((8, COLUMNS), tl.float32)
        for c in tl.static_range(MAPS):
            at = d_scores + (q * MAPS + c) * regions + r
            s = tl.load(at, mask=r < regions, other=0.0).to(tl.float32)
            w = tl.load(weight + c * dim + d, mask=d < dim, other=0.0).to(tl.float32)
            g += s[:, None] * w[None, :]
            of_map = tl.sum(s[:, None] * h, axis=0)
            d_w += tl.where((m == c)[:, None], of_map[None, :], 0.0)
        if DROP:  # of ReLU: what was dropped has no slope either
            g *= tl.where(h > 0.0, scale, 0.0)
        else:
            g *= _slope(h, ACTIVATION)
        d_v += g
        tl.store(d_question + (q * blocks + block) * dim + d, tl.sum(g, axis=0), mask=d < dim)
        q = tl.min(tl.where(about & (each > q), each, QUESTIONS), axis=0)
    tl.store(d_image + place, d_v.to(d_image.dtype.element_ty), mask=inside)
    at = ((i * blocks + block) * MAPS + m)[:, None] * dim + d[None, :]
    tl.store(d_weight + at, d_w, mask=(m < MAPS)[:, None] & (d < dim)[None, :])
