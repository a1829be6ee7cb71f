"""F's hidden layer and its scores, piece by piece, so that no piece leaves the cache."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.autograd.function import once_differentiable

Activation = Literal["relu", "tanh"]
# Elements of the hidden layer made at once, if a question has not more: they fit into a cache of
# 512 KB a core.
PIECE = 131_072


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
    to, squashed, masked and read again, forwards and backwards. A piece of it, a question's 0.4 MB
    or several small ones of the same image, stays in the processor's cache from its making to its
    scores, and is made anew for the gradient.

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
        longest = max(1, PIECE // projected[0].numel())
        ctx.pieces = _pieces(image_index.tolist(), longest)
        ctx.activation, ctx.scale = activation, scale
        ctx.save_for_backward(projected, asked, weight, kept)
        scores = projected.new_empty(len(asked), projected.shape[1], len(weight))
        scaled = (weight * scale).t()
        for _, rows, h in _hidden(ctx, projected, asked, kept):
            torch.addmm(bias, h.flatten(0, 1), scaled, out=scores[rows].flatten(0, 1))
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
        d_asked, scaled = torch.empty_like(asked), weight * ctx.scale
        for image, rows, h in _hidden(ctx, projected, asked, kept):
            d_scores_here = d_scores[rows].flatten(0, 1)
            d_weight += d_scores_here.t() @ h.flatten(0, 1)
            d_h = (d_scores_here @ scaled).view_as(h)
            # A dropped element is 0 here: ReLU's gradient there is 0 by itself, tanh's is not.
            if kept is not None and ctx.activation != "relu":
                d_h.mul_(kept[rows])
            backward(d_h, h, grad_input=d_h)
            torch.sum(d_h, 1, out=d_asked[rows])
            d_projected[image] += d_h[0] if len(d_h) == 1 else d_h.sum(0)
        d_bias = d_scores.sum((0, 1))
        d_weight = (d_weight * ctx.scale).to(weight.dtype)
        return (d_projected.to(projected.dtype), d_asked, d_weight, d_bias, *[None] * 4)


def _pieces(images: list[int], longest: int) -> list[tuple[int, slice]]:
    """Questions in a row that are about one image, `longest` at most: the image, and their rows."""
    pieces, start = [], 0
    for row in range(1, len(images) + 1):
        if row == len(images) or images[row] != images[start] or row - start == longest:
            pieces.append((images[start], slice(start, row)))
            start = row
    return pieces


def _hidden(
    ctx: Any, projected: Tensor, asked: Tensor, kept: Tensor | None
) -> Iterator[tuple[int, slice, Tensor]]:
    """Each piece of the hidden layer, questions × regions × dim; the next overwrites it."""
    squash = _FORWARD[ctx.activation]
    most = max(rows.stop - rows.start for _, rows in ctx.pieces)
    h = projected.new_empty(most, *projected.shape[1:])
    factor = torch.empty_like(h)  # multiplying by a float is quicker than by a bool
    for image, rows in ctx.pieces:
        count = rows.stop - rows.start
        here = torch.add(projected[image], asked[rows, None], out=h[:count])
        squash(here)
        if kept is not None:
            here.mul_(factor[:count].copy_(kept[rows]))
        yield image, rows, here


_FORWARD: dict[Activation, Callable[[Tensor], Tensor]] = {"relu": torch.relu_, "tanh": torch.tanh_}
_BACKWARD: dict[Activation, Callable[..., Tensor]] = {
    "relu": partial(torch.ops.aten.threshold_backward.grad_input, threshold=0),
    "tanh": torch.ops.aten.tanh_backward.grad_input,
}
