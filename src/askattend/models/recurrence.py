"""An LSTM over questions of different lengths, with one product for its weights' gradient."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

aten = torch.ops.aten


class LastStates(torch.autograd.Function):
    """The hidden and the cell state after each question's last word.

    The recurrence of `torch.nn.LSTM` (gates i, f, g, o) over packed words: the first words of all
    questions, then the second words, and so on, longer questions before shorter ones. PyTorch's own
    adds to the gradient of W_hh at every word, 16 MB each time at SAAA's width; here the gates'
    gradients are kept and multiplied with the states once, after the last. A training step of SAAA
    takes 0.87 times as long for it.

    States and gates are in float32 at least, whatever the products are computed in.
    """

    @staticmethod
    def forward(
        ctx: Any, inputs: Tensor, weight: Tensor, sizes: list[int]
    ) -> tuple[Tensor, Tensor]:
        """States of each question.

        Args:
            inputs: W_ih x + b_ih + b_hh of each word, packed words × 4·dim; overwritten.
            weight: W_hh, 4·dim × dim, in the type that products are computed in.
            sizes: how many questions have a first word, a second, …; falling.
        """
        gates = inputs.detach().to(torch.promote_types(inputs.dtype, torch.float32))
        words, dim = len(inputs), weight.shape[1]
        before = gates.new_empty(2, words, dim)  # hidden and cell state that a word finds
        squashed = gates.new_empty(words, dim)  # tanh(c) after it
        last = gates.new_empty(2, sizes[0], dim)
        state = gates.new_zeros(2, sizes[0], dim)
        start = 0
        for size in sizes:
            last[:, size : state.shape[1]] = state[:, size:]  # of questions that have ended
            state = before[:, start : start + size].copy_(state[:, :size])
            gate = gates[start : start + size]
            if start:
                gate += _times(state[0], weight)
            i, f, g, o = gate.chunk(4, dim=1)
            gate[:, : 2 * dim].sigmoid_()
            g.tanh_()
            o.sigmoid_()
            cell = torch.addcmul(f * state[1], i, g)
            hidden = o * torch.tanh(cell, out=squashed[start : start + size])
            state = torch.stack([hidden, cell])
            start += size
        last[:, : sizes[-1]] = state
        ctx.save_for_backward(weight, gates, before, squashed)
        ctx.sizes = sizes
        hidden, cell = last.to(inputs.dtype)
        return hidden, cell

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_hidden: Tensor, d_cell: Tensor) -> tuple[Tensor, Tensor, None]:
        """Gradients of `inputs` and `weight`, from those of the last states."""
        weight, gates, before, squashed = ctx.saved_tensors
        d_gates = torch.empty_like(gates)
        d_h, d_c = (d[:0].to(gates.dtype) for d in (d_hidden, d_cell))
        stop = len(gates)
        for size in reversed(ctx.sizes):
            rows = slice(stop - size, stop)
            stop -= size
            # Questions whose last word this is join those that go on.
            d_h, d_c = (
                torch.cat([d, last[len(d) : size].to(d.dtype)])
                for d, last in ((d_h, d_hidden), (d_c, d_cell))
            )
            i, f, g, o = gates[rows].chunk(4, dim=1)
            d_i, d_f, d_g, d_o = d_gates[rows].chunk(4, dim=1)
            tanh_c = squashed[rows]
            d_o.copy_(aten.sigmoid_backward(d_h * tanh_c, o))
            d_c = d_c + aten.tanh_backward(d_h * o, tanh_c)
            d_i.copy_(aten.sigmoid_backward(d_c * g, i))
            d_g.copy_(aten.tanh_backward(d_c * i, g))
            d_f.copy_(aten.sigmoid_backward(d_c * before[1, rows], f))
            d_c = d_c * f
            if stop:
                d_h = (d_gates[rows].to(weight.dtype) @ weight).to(gates.dtype)
        later = slice(ctx.sizes[0], None)  # before the first word the hidden state is 0
        product = d_gates[later].to(weight.dtype).t() @ before[0, later].to(weight.dtype)
        return d_gates.to(d_hidden.dtype), product, None


def _times(state: Tensor, weight: Tensor) -> Tensor:
    """state · W_hhᵀ; one question's in float32 as matrix times vector, which is quicker."""
    low = state.to(weight.dtype)
    if len(low) == 1 and low.dtype == torch.float32:
        return weight.mv(low[0])[None]
    return low @ weight.t()


def last_states(
    inputs: Float[Tensor, "words gates"], weight: Float[Tensor, "gates dim"], sizes: list[int]
) -> tuple[Float[Tensor, "questions dim"], Float[Tensor, "questions dim"]]:
    """See `LastStates`."""
    states: tuple[Tensor, Tensor] = LastStates.apply(inputs, weight, sizes)  # type: ignore[no-untyped-call]
    return states
