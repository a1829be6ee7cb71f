"""Attention scores and their gradients, in one pass over the hidden layer, which is never written.

The sums are in float32, whatever the type of what is added.
"""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.autograd.function import once_differentiable

from askattend.models.kernels.cpu.draws import ALL_KEPT, Draws
from askattend.models.kernels.cpu.dropout import as_arguments
from askattend.native.library import call


def attention_scores(
    image_projected: Float[Tensor, "images regions dim"],
    question_projected: Float[Tensor, "questions dim"],
    image_index: Int[Tensor, " questions"],
    weight: Float[Tensor, "maps dim"],
    bias: Float[Tensor, " maps"],
    *,
    tanh: bool,
    draws: Draws = ALL_KEPT,
    scale: float = 1.0,
) -> Float[Tensor, "questions maps regions"]:
    """W·drop(σ(v + q)) + b at every region of each question's image; see `scores`.

    Args:
        image_projected: v, in float32 or bfloat16.
        question_projected: q.
        image_index: the row of v that each question is about.
        weight: W.
        bias: b.
        tanh: σ is tanh, or else ReLU.
        draws: what dropout keeps of the hidden layer.
        scale: the factor of what is kept.

    Returns:
        In float32.
    """
    dim = image_projected.shape[-1]
    if question_projected.shape[-1] != dim or weight.shape[-1] != dim:
        sizes = [tuple(x.shape) for x in (image_projected, question_projected, weight)]
        raise RuntimeError(f"sizes {sizes} do not fit: the last ones are to be equal")
    precise = (x.float() for x in (question_projected, weight, bias))
    arguments = (image_projected, *precise, image_index, tanh, draws, scale)
    scores: Tensor = _Scores.apply(*arguments)  # type: ignore[no-untyped-call]
    return scores


_RELU, _TANH, _TANH_OF_SMALL = range(3)
# e^{2q} stays within float32's range; the same bound holds for v, which kernels look at themselves.
SMALL = 20.0


class _Scores(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        image: Tensor,
        question: Tensor,
        weight: Tensor,
        bias: Tensor,
        image_index: Tensor,
        tanh: bool,
        draws: Draws,
        scale: float,
    ) -> Tensor:
        image, question, weight = image.contiguous(), question.contiguous(), weight * scale
        # tanh(v + q) = 1 - 2 / (1 + e^{2v}·e^{2q}): no exponential for each pair.
        small = tanh and bool(question.abs().amax() < SMALL)
        exponential = (2 * question).exp_() if small else None
        order, first = _by_image(image_index, len(image))
        ctx.save_for_backward(image, question, exponential, weight, order, first)
        ctx.way = (_TANH_OF_SMALL if small else _TANH) if tanh else _RELU
        ctx.draws, ctx.scale = draws, scale
        scores = torch.empty(len(question), len(weight), image.shape[1])
        tensors = (image, question, exponential, weight, bias.contiguous(), order, first)
        settings = (*image.shape, len(weight), ctx.way, *as_arguments(draws))
        call("scores_forward", image.dtype, *tensors, *settings, scores)
        return scores

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_scores: Tensor) -> tuple[Tensor | None, ...]:
        image, question, exponential, weight, order, first = ctx.saved_tensors
        d_scores, maps = d_scores.contiguous(), len(weight)
        d_image, d_question = torch.empty_like(image), torch.empty_like(question)
        d_weights = torch.empty(len(image), *weight.shape)
        tensors = (image, question, exponential, weight, d_scores, order, first)
        settings = (*image.shape, maps, ctx.way, *as_arguments(ctx.draws))
        found = (d_image, d_question, d_weights)
        call("scores_backward", image.dtype, *tensors, *settings, *found)
        d_bias = d_scores.sum((0, 2))
        return d_image, d_question, d_weights.sum(0) * ctx.scale, d_bias, None, None, None, None


def _by_image(image_index: Tensor, images: int) -> tuple[Tensor, Tensor]:
    """Order questions by image; and find where in that order each image's begin, and the end."""
    counts = torch.bincount(image_index, minlength=images)
    if len(counts) > images:
        raise IndexError(f"image {len(counts) - 1} of {images}")
    first = torch.zeros(images + 1, dtype=torch.int64)
    torch.cumsum(counts, 0, out=first[1:])
    return image_index.argsort(stable=True), first
