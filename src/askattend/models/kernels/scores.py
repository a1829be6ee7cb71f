"""Attention scores: a hidden layer over each pair of a question and a region, and a linear layer.

The reference comes first; `attention_scores` chooses between it, a way that makes the hidden
layer piece by piece, so that no piece leaves the cache, and a GPU's, where it stays in registers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from askattend.models.kernels import choice
from askattend.models.kernels.cpu.draws import ALL_KEPT, draw
from askattend.models.kernels.dropout import Dropout, keep_mask, mask_to_float
from askattend.models.kernels.pooling import expand_to_questions

# Numbers of a row that the native kernels hold.
WIDEST = 4096
Activation = Literal["relu", "tanh", "identity"]
_ACTIVATIONS: dict[Activation, Callable[[Tensor], Tensor]] = {
    "relu": torch.relu,
    "tanh": torch.tanh,
    "identity": lambda x: x,
}


def reference(
    image_projected: Tensor,
    question_projected: Tensor,
    image_index: Tensor,
    score: nn.Linear,
    activation: Activation,
    drop: nn.Module,
    hidden: Callable[[Tensor], Tensor],
) -> Tensor:
    """W·drop(σ(image + question)) + b, as the papers write it; see `attention_scores`."""
    v = expand_to_questions(image_projected, image_index)  # questions × regions × dim
    h = hidden(_ACTIVATIONS[activation](v + question_projected[:, None]))
    scores: Tensor = score(drop(h)).transpose(1, 2)
    return scores


def attention_scores(
    image_projected: Float[Tensor, "images regions dim"],
    question_projected: Float[Tensor, "questions dim"],
    image_index: Int[Tensor, " questions"],
    score: nn.Linear,
    *,
    activation: Activation,
    drop: Dropout | None = None,
    hidden: Callable[[Tensor], Tensor] = lambda h: h,
) -> Float[Tensor, "questions maps regions"]:
    """W·drop(σ(image + question)) + b at every region of each question's image.

    Args:
        image_projected: the images' part of the hidden layer.
        question_projected: the questions' part, the same at each region.
        image_index: the row of `image_projected` each question is about.
        score: W and b, from the hidden layer to the scores.
        activation: σ; ``"identity"`` where each part has had its own.
        drop: dropout of the hidden layer, for ReLU alone; none if left out.
        hidden: given the hidden layer where it is made as a tensor: the paper's symbol for it.
    """
    # A dropped element is 0, not tanh's constant.
    assert drop is None or activation == "relu"
    dropping = drop is not None and drop.training and drop.p > 0
    if choice.triton_runs(image_projected, question_projected):
        from askattend.models.kernels.gpu import scores as quick

        parts = (image_projected, question_projected, image_index, score.weight, score.bias)
        p = drop.p if drop and dropping else 0.0
        return quick.attention_scores(*parts, activation=activation, p=p)
    if choice.as_written(image_projected) or activation == "identity":
        layers = (score, activation, drop or nn.Identity(), hidden)
        return reference(image_projected, question_projected, image_index, *layers)
    dtype, shape = image_projected.dtype, (len(question_projected), *image_projected.shape[1:])
    many = torch.is_grad_enabled() or shape[0] > choice.FEW
    if many and shape[-1] <= WIDEST and choice.native_runs(image_projected, question_projected):
        from askattend.models.kernels.cpu import scores as native

        return native.attention_scores(
            *(image_projected, question_projected, image_index, score.weight, score.bias),
            tanh=activation == "tanh",
            draws=draw(math.prod(shape), drop.p) if drop and dropping else ALL_KEPT,
            scale=drop.scale if drop and dropping else 1.0,
        ).to(dtype)
    return scores_by_pieces(
        image_projected,
        question_projected,
        score.weight.to(dtype),
        score.bias.to(dtype),
        image_index,
        activation=activation,
        mask=keep_mask(shape, drop.p, image_projected.device) if drop and dropping else None,
        scale=drop.scale if drop and dropping else 1.0,
    )


# --- piece by piece ------------------------------------------------------------------------------

# Elements of the hidden layer made at once, if a question has not more: they fit into a cache of
# 512 KB a core.
PIECE = 131_072
# Without a gradient, where less is done with a piece, starting operations costs more than fetching
# it from the cache that the cores share.
ANSWERING_PIECE = 8 * PIECE


def scores_by_pieces(
    image_projected: Float[Tensor, "images regions dim"],
    question_projected: Float[Tensor, "questions dim"],
    weight: Float[Tensor, "maps dim"],
    bias: Float[Tensor, " maps"],
    image_index: Int[Tensor, " questions"],
    *,
    activation: Activation,
    mask: Bool[Tensor, "questions regions dim"] | None = None,
    scale: float = 1.0,
) -> Float[Tensor, "questions maps regions"]:
    """W·drop(σ(image_projected + question_projected)) + b at every region of each question's image.

    The hidden layer is 51 MB at SAAA's size and 128 questions, and written out it is made, added
    to, activated, masked and read again, forwards and backwards. A piece of it, a question's 0.4 MB
    or several smaller ones, stays in the processor's cache from its making to its scores, and is
    made anew for the gradient.

    Args:
        image_projected: the images' part of the hidden layer.
        question_projected: the questions' part.
        weight: from the hidden layer to the scores.
        bias: of the scores.
        image_index: the row of `image_projected` each question is about.
        activation: σ.
        mask: True where dropout keeps an element, after ReLU alone; all are kept if left out.
        scale: the factor of the kept elements.
    """
    assert mask is None or activation == "relu"  # a dropped element is 0, not tanh's constant
    dtype = image_projected.dtype
    # e^{2v} of a small v is near 1, where bfloat16 has but 2⁻⁷ between two numbers.
    precise = torch.promote_types(dtype, torch.float32) if activation == "tanh" else dtype
    numbers = (x.to(precise) for x in (image_projected, question_projected, weight, bias))
    arguments = (*numbers, image_index, activation, mask, scale)
    scores: Tensor = _Scores.apply(*arguments)  # type: ignore[no-untyped-call]
    return scores.to(dtype).transpose(1, 2)


class _Scores(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        image: Tensor,
        question: Tensor,
        weight: Tensor,
        bias: Tensor,
        image_index: Tensor,
        activation: Activation,
        mask: Tensor | None,
        scale: float,
    ) -> Tensor:
        ctx.activation = _activation_of_sum(activation, image, question)
        piece = PIECE if any(ctx.needs_input_grad) else ANSWERING_PIECE
        longest = max(1, piece // image[0].numel())
        ctx.pieces, ctx.scale = _pieces(image_index, longest), scale
        image, question = ctx.activation.prepare(image), ctx.activation.prepare(question)
        ctx.save_for_backward(image, question, weight, mask)
        scores = image.new_empty(len(question), image.shape[1], len(weight))
        factor, constant = ctx.activation.affine
        scaled = weight.t() * (scale * factor)
        bias = bias + constant * weight.sum(dim=1) if constant else bias
        for rows, _, h in _hidden(ctx, image, question, mask):
            torch.addmm(bias, h.flatten(0, 1), scaled, out=scores[rows].flatten(0, 1))
        return scores

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_scores: Tensor) -> tuple[Tensor | None, ...]:
        image, question, weight, mask = ctx.saved_tensors
        d_scores = d_scores.contiguous()
        # Sums over an image's questions and over all are in float32 at least.
        precise = torch.promote_types(image.dtype, torch.float32)
        d_image = torch.zeros_like(image, dtype=precise)
        d_weight = torch.zeros_like(weight, dtype=precise)
        d_question, scaled = torch.empty_like(question), weight * (ctx.scale * ctx.activation.slope)
        for rows, images, h in _hidden(ctx, image, question, mask):
            d_scores_here = d_scores[rows].flatten(0, 1)
            d_weight += d_scores_here.t() @ h.flatten(0, 1)
            d_h = (d_scores_here @ scaled).view_as(h)
            ctx.activation.backward(d_h, h)
            torch.sum(d_h, 1, out=d_question[rows])
            if isinstance(images, int):
                d_image[images] += d_h[0]
            else:
                d_image.index_add_(0, images, d_h.to(precise))
        d_bias = d_scores.sum((0, 1))
        factor, constant = ctx.activation.affine
        d_weight = d_weight * (ctx.scale * factor) + constant * d_bias[:, None]
        return (d_image.to(image.dtype), d_question, d_weight.to(weight.dtype), d_bias, *_NONE)


_NONE = (None,) * 4  # what has no gradient


def _pieces(image_index: Tensor, longest: int) -> list[tuple[slice, int | Tensor]]:
    """Cut questions in a row, `longest` at most: their rows, and their images (one's, if alone)."""
    if longest == 1:
        return [(slice(row, row + 1), image) for row, image in enumerate(image_index.tolist())]
    starts = range(0, len(image_index), longest)
    rows = [slice(start, start + longest) for start in starts]
    return list(zip(rows, image_index.split(longest), strict=True))


def _hidden(
    ctx: Any, image: Tensor, question: Tensor, mask: Tensor | None
) -> Iterator[tuple[slice, int | Tensor, Tensor]]:
    """Yield each piece of the hidden layer, questions × regions × dim; the next overwrites it."""
    most = max(len(question[rows]) for rows, _ in ctx.pieces)
    piece = image.new_empty(most, *image.shape[1:])
    # Multiplying by a float is quicker than by a bool.
    factor = piece.new_empty(0) if mask is None else torch.empty_like(piece)
    for rows, images in ctx.pieces:
        q = question[rows, None]
        h = piece[: len(q)]
        if isinstance(images, int):
            v = image[images]
        else:
            v = torch.index_select(image, 0, images, out=h)
        ctx.activation.combine(v, q, h)
        if mask is not None:
            h.mul_(mask_to_float(mask[rows], factor[: len(q)]))
        yield rows, images, h


@dataclass(frozen=True)
class _ActivationOfSum:
    """An activation σ of a sum, as σ(v + q) = factor·g(v, q) + constant.

    Attributes:
        prepare: applied to all v and to all q, once.
        combine: g of a prepared v and a prepared q, into memory given.
        backward: a gradient of σ, in place, and g → that of v + q, divided by `slope`.
        affine: factor and constant.
        slope: the factor that the gradient still lacks.
    """

    prepare: Callable[[Tensor], Tensor]
    combine: Callable[[Tensor, Tensor, Tensor], Tensor]
    backward: Callable[[Tensor, Tensor], object]
    affine: tuple[float, float] = (1.0, 0.0)
    slope: float = 1.0


def _as_it_is(x: Tensor) -> Tensor:
    return x


def _rectified(v: Tensor, q: Tensor, out: Tensor) -> Tensor:
    return torch.relu_(torch.add(v, q, out=out))


def _rectified_backward(d: Tensor, h: Tensor) -> None:
    # Where dropout made an element 0, ReLU's gradient is 0 by itself.
    torch.ops.aten.threshold_backward.grad_input(d, h, 0, grad_input=d)


def _tanh(v: Tensor, q: Tensor, out: Tensor) -> Tensor:
    return torch.tanh_(torch.add(v, q, out=out))


def _tanh_backward(d: Tensor, h: Tensor) -> None:
    torch.ops.aten.tanh_backward.grad_input(d, h, grad_input=d)


def _logistic(v: Tensor, q: Tensor, out: Tensor) -> Tensor:
    return torch.addcmul(v.new_ones(()), v, q, out=out).reciprocal_()


def _logistic_backward(d: Tensor, g: Tensor) -> None:
    torch.ops.aten.sigmoid_backward.grad_input(d, g, grad_input=d)  # 1 - tanh² = 4·g(1 - g)


_RELU = _ActivationOfSum(_as_it_is, _rectified, _rectified_backward)
_TANH = _ActivationOfSum(_as_it_is, _tanh, _tanh_backward)
# tanh(v + q) = 1 - 2g with g = 1 / (1 + e^{2v}·e^{2q}): an exponential for each v and each q, but
# none for each pair of them, which would take most of the time.
_TANH_OF_SMALL = _ActivationOfSum(
    lambda x: (2 * x).exp_(), _logistic, _logistic_backward, (-2.0, 1.0), 4.0
)
# e^{2v}·e^{2q} stays within float32's range, and so does its inverse.
SMALL = 20.0


def _activation_of_sum(activation: Activation, image: Tensor, question: Tensor) -> _ActivationOfSum:
    if activation == "relu":
        return _RELU
    return _TANH_OF_SMALL if _are_small(image, question) else _TANH


def _are_small(*numbers: Tensor) -> bool:
    return all(abs(end.item()) < SMALL for x in numbers for end in x.aminmax())
