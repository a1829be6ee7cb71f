"""F's hidden layer and scores, a question at a time: nothing larger than an image is made."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.autograd.function import once_differentiable

Activation = Literal["relu", "tanh"]


def scores_of(
    projected: Float[Tensor, "images regions dim"],
    asked: Float[Tensor, "questions dim"],
    weight: Float[Tensor, "maps dim"],
    bias: Float[Tensor, " maps"],
    image_index: Int[Tensor, " questions"],
    *,
    activation: Activation,
    kept: Bool[Tensor, "questions regions dim"] | None = None,
    scale: float = 1.0,
) -> Float[Tensor, "questions maps regions"]:
    """W·drop(σ(projected + asked)) + b at every region of each question's image.

    The hidden layer is 51 MB at SAAA's size and 128 questions, and written out it is made, added
    to, squashed, masked and read again, forwards and backwards. A question's part of it, 0.4 MB,
    stays in the processor's cache from its making to its scores, and is made anew for the gradient.

    Args:
        projected: the images' part of the hidden layer.
        asked: the questions' part.
        weight: from the hidden layer to the scores.
        bias: of the scores.
        image_index: the row of `projected` each question is about.
        activation: what squashes the hidden layer.
        kept: what dropout keeps of it; everything if left out.
        scale: what kept elements are multiplied by.
    """
    arguments = (projected, asked, weight, bias, image_index, activation, kept, scale)
    scores: Tensor = _Scores.apply(*arguments)  # type: ignore[no-untyped-call]
    return scores.transpose(1, 2)


class _Scores(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        projected: Tensor,
        asked: Tensor,
        weight: Tensor,
        bias: Tensor,
        image_index: Tensor,
        activation: Activation,
        kept: Tensor | None,
        scale: float,
    ) -> Tensor:
        ctx.images, ctx.activation, ctx.scale = image_index.tolist(), activation, scale
        ctx.save_for_backward(projected, asked, weight, kept)
        scores = projected.new_empty(len(asked), projected.shape[1], len(weight))
        scaled = (weight * scale).t()
        for question, h in _hidden(ctx, projected, asked, kept):
            torch.addmm(bias, h, scaled, out=scores[question])
        return scores

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_scores: Tensor) -> tuple[Tensor | None, ...]:
        projected, asked, weight, kept = ctx.saved_tensors
        d_scores, backward = d_scores.contiguous(), _BACKWARD[ctx.activation]
        # Sums over an image's questions and over all are in float32 at least.
        precise = torch.promote_types(projected.dtype, torch.float32)
        d_projected = torch.zeros_like(projected, dtype=precise)
        d_weight = torch.zeros_like(weight, dtype=precise)
        d_asked, d_h = torch.empty_like(asked), torch.empty_like(projected[0])
        scaled = weight * ctx.scale
        for question, h in _hidden(ctx, projected, asked, kept):
            d_weight += d_scores[question].t() @ h
            torch.mm(d_scores[question], scaled, out=d_h)
            # A dropped element is 0 here: ReLU's gradient there is 0 by itself, tanh's is not.
            if kept is not None and ctx.activation != "relu":
                d_h.mul_(kept[question])
            backward(d_h, h, grad_input=d_h)
            torch.sum(d_h, 0, out=d_asked[question])
            d_projected[ctx.images[question]] += d_h
        d_bias = d_scores.sum((0, 1))
        d_weight = (d_weight * ctx.scale).to(weight.dtype)
        return (d_projected.to(projected.dtype), d_asked, d_weight, d_bias, *[None] * 4)


def _hidden(
    ctx: Any, projected: Tensor, asked: Tensor, kept: Tensor | None
) -> Iterator[tuple[int, Tensor]]:
    """Each question's hidden layer, regions × dim; the next overwrites it."""
    squash = _FORWARD[ctx.activation]
    h = torch.empty_like(projected[0])
    factor = torch.empty_like(h)  # multiplying by a float is quicker than by a bool
    for question, image in enumerate(ctx.images):
        squash(torch.add(projected[image], asked[question], out=h))
        if kept is not None:
            h.mul_(factor.copy_(kept[question]))
        yield question, h


_FORWARD: dict[Activation, Callable[[Tensor], Tensor]] = {"relu": torch.relu_, "tanh": torch.tanh_}
_BACKWARD: dict[Activation, Callable[..., Tensor]] = {
    "relu": partial(torch.ops.aten.threshold_backward.grad_input, threshold=0),
    "tanh": torch.ops.aten.tanh_backward.grad_input,
}
