"""Dropout in one pass, which keeps the random bits and no mask."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from askattend.models.kernels.cpu.buffer_pool import empty_from_pool
from askattend.models.kernels.cpu.draws import Draws
from askattend.native.library import call

_ALL, _BITS, _WORDS = range(3)


def as_arguments(draws: Draws) -> tuple[int, Tensor | None, int]:
    """Return draws as kernels take them: of what kind, where they are, and the bound."""
    if draws.words is None:
        return _ALL, None, 0
    return (_BITS, draws.words, 0) if draws.bound is None else (_WORDS, draws.words, draws.bound)


def dropout(x: Float[Tensor, "*shape"], draws: Draws, scale: float) -> Float[Tensor, "*shape"]:
    """Return x times `scale` where it is kept, and 0 elsewhere."""
    dropped: Tensor = _Dropout.apply(x, draws, scale)  # type: ignore[no-untyped-call]
    return dropped


class _Dropout(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, draws: Draws, scale: float) -> Tensor:
        ctx.draws, ctx.scale = draws, scale
        return _times(x, draws, scale)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d: Tensor) -> tuple[Tensor, None, None]:
        return _times(d, ctx.draws, ctx.scale), None, None


def _times(x: Tensor, draws: Draws, scale: float) -> Tensor:
    x = x.contiguous()
    y = empty_from_pool(x.shape, x.dtype, x.device)
    call("dropout", x.dtype, x, x.numel(), *as_arguments(draws), float(scale), y)
    return y
