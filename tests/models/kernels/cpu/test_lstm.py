"""An LSTM's recurrence in C, against PyTorch's own."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence

from askattend.devices import computing_threads
from askattend.models.kernels.cpu.lstm import LSTMFunction, recur_without_gradient
from askattend.models.kernels.recurrence import LSTM

WIDE = 200  # numbers of which several threads have a part


@settings(max_examples=30)
@given(
    lengths=st.lists(st.integers(1, 6), min_size=1, max_size=60),
    dim=st.sampled_from([1, 5, 16, WIDE]),
    size=st.sampled_from([0.01, 1.0, 30.0]),
    seed=st.integers(0, 2**31 - 1),
)
def test_states_and_gradients_are_pytorchs(
    lengths: list[int], dim: int, size: float, seed: int
) -> None:
    torch.manual_seed(seed)
    lstm, exact = LSTM(3, dim, batch_first=True), nn.LSTM(3, dim, batch_first=True).double()
    exact.load_state_dict(lstm.state_dict())
    x = size * torch.randn(len(lengths), max(lengths), 3)
    packed = pack_padded_sequence(x, torch.tensor(lengths), batch_first=True, enforce_sorted=False)
    sizes, order = packed.batch_sizes.tolist(), packed.unsorted_indices
    assert order is not None
    inputs = lstm.inputs(packed.data)
    found = LSTMFunction.apply(inputs, lstm.weight_hh_l0, sizes)  # type: ignore[no-untyped-call]
    with torch.no_grad():
        answering = recur_without_gradient(inputs.split(sizes), lstm.weight_hh_l0)
    _, expected = exact(packed.to(torch.float64))
    weights = torch.randn(2, len(lengths), dim)
    for ours, same, theirs in zip(found, answering, expected, strict=True):
        torch.testing.assert_close(ours[order].double(), theirs[0], rtol=1e-5, atol=2e-6)
        torch.testing.assert_close(same, ours, rtol=1e-5, atol=1e-6)
    losses = (
        sum(((w * s).sum() for w, s in zip(weights, states, strict=True)), torch.zeros(()))
        for states in ([s[order] for s in found], [s[0] for s in expected])
    )
    pairs = zip(lstm.parameters(), exact.parameters(), strict=True)
    gradients = [
        torch.autograd.grad(loss, list(own))
        for loss, own in zip(losses, zip(*pairs, strict=True), strict=True)
    ]
    for ours, theirs in zip(*gradients, strict=True):
        torch.testing.assert_close(
            ours.double(), theirs, rtol=1e-4, atol=2e-6 * (1 + size) * len(lengths)
        )


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_bits_do_not_depend_on_the_threads(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    sizes, weight = [60, 60, 30], torch.randn(4 * WIDE, WIDE).to(dtype)
    inputs = torch.randn(sum(sizes), 4 * WIDE).to(dtype)
    made = []
    for threads in (1, 2):
        with computing_threads(threads):
            own = inputs.clone().requires_grad_()
            # The products are PyTorch's, whose bits may differ: of W_hh = 0 they are 0.
            states = LSTMFunction.apply(own, 0 * weight, sizes)  # type: ignore[no-untyped-call]
            made.append([*states, *torch.autograd.grad(sum(s.sum() for s in states), own)])
    assert all(torch.equal(a, b) for a, b in zip(*made, strict=True))


def test_gates_are_right_to_a_few_units_in_the_last_place() -> None:
    dim = 4096
    x = torch.linspace(-100, 100, dim, dtype=torch.float64)
    near = x * 1e-2  # tanh is its argument there, nearly
    for own in (x, near, near * 1e-4):
        inputs = torch.cat([own] * 4)[None].float()
        i, _, g, o = inputs[0].double().chunk(4)
        cell = i.sigmoid() * g.tanh()
        hidden, found = recur_without_gradient([inputs], torch.zeros(4 * dim, dim))
        torch.testing.assert_close(found[0].double(), cell, rtol=2e-6, atol=1e-37)
        torch.testing.assert_close(
            hidden[0].double(), o.sigmoid() * cell.tanh(), rtol=3e-6, atol=1e-37
        )
