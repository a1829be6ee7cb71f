"""Attention scores in C, against two layers written out in float64."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from askattend.devices import computing_threads
from askattend.models.kernels.cpu.draws import ALL_KEPT, Draws, draw
from askattend.models.kernels.cpu.scores import attention_scores

TOLERANCE = {torch.float32: 2e-6, torch.bfloat16: 4e-3}


def written_out(parts: Sequence[Tensor], index: Tensor, *, tanh: bool, kept: Tensor) -> Tensor:
    v, q, w, b = parts
    h = v[index] + q[:, None]
    h = (h.tanh() if tanh else h.relu()) * kept
    return (h @ w.t() + b).transpose(1, 2)


def sizes_of(draws: Draws, p: float, shape: tuple[int, ...]) -> tuple[Tensor, float]:
    """Return what is multiplied with, and the scale."""
    if draws is ALL_KEPT:
        return torch.ones(shape, dtype=torch.float64), 1.0
    scale = 1 / (1 - p)
    return draws.mask(shape).double() * scale, scale


@settings(max_examples=60)
@given(
    sizes=st.tuples(*(st.integers(1, most) for most in (9, 5, 7, 70, 3))),
    dtype=st.sampled_from(list(TOLERANCE)),
    p=st.sampled_from([0.0, 0.5, 0.3]),
    tanh=st.booleans(),
    large=st.sampled_from([1.0, 15.0]),
    seed=st.integers(0, 2**31 - 1),
)
def test_scores_and_gradients_are_those_written_out(
    sizes: tuple[int, ...],
    dtype: torch.dtype,
    p: float,
    tanh: bool,
    large: float,
    seed: int,
) -> None:
    questions, images, regions, dim, maps = sizes
    torch.manual_seed(seed)
    p = 0.0 if tanh else p
    # Of numbers of deviation 15 some are beyond what exponentials are used for.
    v, q = large * torch.randn(images, regions, dim), large * torch.randn(questions, dim)
    parts = [v.to(dtype), q.to(dtype), torch.randn(maps, dim), torch.randn(maps)]
    index = torch.randint(images, (questions,))  # in no order, and some images without a question
    shape = (questions, regions, dim)
    draws = draw(math.prod(shape), p) if p else ALL_KEPT
    kept, scale = sizes_of(draws, p, shape)
    ours, theirs = (
        [t.detach().to(d).requires_grad_() for t, d in zip(parts, types, strict=True)]
        for types in ([t.dtype for t in parts], [torch.float64] * 4)
    )
    found = attention_scores(
        ours[0], ours[1], index, ours[2], ours[3], tanh=tanh, draws=draws, scale=scale
    )
    expected = written_out(theirs, index, tanh=tanh, kept=kept)
    upstream = torch.randn(expected.shape)
    pairs = [(found, expected)]
    pairs += zip(
        torch.autograd.grad(found, ours, upstream),
        torch.autograd.grad(expected, theirs, upstream.double()),
        strict=True,
    )
    for one, other in pairs:
        assert one.shape == other.shape
        one, other = one.detach(), other.detach()
        error = (one.double() - other).abs().max()
        assert error <= TOLERANCE[dtype] * (1 + large) * max(float(other.abs().max()), 1.0)


@pytest.mark.parametrize("dtype", list(TOLERANCE))
def test_the_bits_do_not_depend_on_the_threads(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    v, q = torch.randn(5, 9, 64).to(dtype), torch.randn(23, 64).to(dtype)
    w, b, index = torch.randn(2, 64), torch.randn(2), torch.randint(5, (23,))
    draws, upstream = draw(23 * 9 * 64, 0.5), torch.randn(23, 2, 9)
    made = []
    for threads in (1, 2, 3):
        parts = [t.clone().requires_grad_() for t in (v, q, w, b)]
        with computing_threads(threads):
            scores = attention_scores(
                parts[0], parts[1], index, parts[2], parts[3], tanh=False, draws=draws, scale=2.0
            )
            made.append([scores, *torch.autograd.grad(scores, parts, upstream)])
    for other in made[1:]:
        assert all(torch.equal(a, b) for a, b in zip(made[0], other, strict=True))


@pytest.mark.parametrize("tanh", [False, True])
@pytest.mark.parametrize("where", [0, 1])
def test_not_a_number_stays(where: int, tanh: bool) -> None:
    parts = [torch.zeros(1, 3, 4), torch.zeros(1, 4)]
    parts[where].view(-1)[1] = torch.nan
    index = torch.tensor([0])
    scores = attention_scores(
        parts[0], parts[1], index, torch.ones(1, 4), torch.zeros(1), tanh=tanh
    )
    assert scores.isnan().any()
