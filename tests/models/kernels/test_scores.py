"""Attention scores made piece by piece, against two layers written out."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from askattend.models.kernels.scores import scores_by_pieces


@pytest.mark.parametrize(
    ("activation", "dropping", "size"),
    [
        *(("relu", True, 1.0), ("relu", False, 1.0)),
        *(("tanh", False, 1.0), ("tanh", False, 4.0), ("tanh", False, 15.0)),
    ],
)
def test_scores_are_the_two_layers_written_out(
    activation: Any, dropping: bool, size: float
) -> None:
    torch.manual_seed(1)
    # The largest of 60 normal numbers of deviation 15 is beyond what exponentials are used for.
    projected, question = size * torch.randn(3, 4, 5), size * torch.randn(6, 5)
    weight, bias = torch.randn(2, 5), torch.randn(2)
    image_index = torch.tensor([1, 0, 2, 1, 1, 0])
    flips = torch.rand(6, 4, 5) < 0.5 if dropping else None
    arguments = [t.double().requires_grad_() for t in (projected, question, weight, bias)]
    v, q, w, b = arguments
    scale = 2.0 if dropping else 1.0
    quick = scores_by_pieces(
        v, q, w, b, image_index, activation=activation, mask=flips, scale=scale
    )
    h = getattr(torch, activation)(v[image_index] + q[:, None])
    h = h if flips is None else 2 * h * flips
    slow = (h @ w.t() + b).transpose(1, 2)
    torch.testing.assert_close(quick, slow)
    upstream = torch.randn_like(slow)
    ours, theirs = (torch.autograd.grad(s, arguments, upstream) for s in (quick, slow))
    torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("size", [0.01, 0.1, 1.0])
def test_small_numbers_keep_their_digits_in_bfloat16(size: float) -> None:
    generator = torch.Generator().manual_seed(0)
    projected, question, weight = (
        (torch.randn(shape, generator=generator) * scale).bfloat16().requires_grad_()
        for shape, scale in (((3, 50, 64), size), ((3, 64), size), ((1, 64), 0.1))
    )
    image_index, bias = torch.arange(3), torch.zeros(1).bfloat16()
    scores = scores_by_pieces(projected, question, weight, bias, image_index, activation="tanh")
    exact = (projected.double() + question.double()[:, None]).tanh() @ weight.double().t()
    assert scores.dtype == torch.bfloat16
    assert (scores.double() - exact.mT).norm() < 0.01 * exact.norm()
    weights = torch.randn(exact.shape, generator=generator).double()
    (found,) = torch.autograd.grad((scores.mT.double() * weights).sum(), weight)
    (expected,) = torch.autograd.grad((exact * weights).sum(), weight)
    assert (found - expected).norm() < 0.02 * expected.norm()
