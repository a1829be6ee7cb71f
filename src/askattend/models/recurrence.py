"""An LSTM over questions of different lengths, with one product for its weights' gradient."""

from __future__ import annotations

from itertools import accumulate, pairwise
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

aten = torch.ops.aten
_sigmoid_backward, _tanh_backward = (
    operation.grad_input for operation in (aten.sigmoid_backward, aten.tanh_backward)
)


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
        after = gates.new_empty(2, words, dim)  # hidden and cell state after each word
        squashed = gates.new_empty(words, dim)  # tanh(c) of it
        last = gates.new_empty(2, sizes[0], dim)
        for rows, before, ended in _steps(sizes):
            gate, (h, c), tanh_c = gates[rows], after[:, rows], squashed[rows]
            if before is not None:
                _add_product(gate, after[0, before], weight)
            i, f, g, o = gate.chunk(4, dim=1)
            gate[:, : 2 * dim].sigmoid_()
            g.tanh_()
            o.sigmoid_()
            torch.mul(i, g, out=c)
            if before is not None:
                c.addcmul_(f, after[1, before])
            torch.mul(o, torch.tanh(c, out=tanh_c), out=h)
            if ended:
                last[:, len(h) - ended : len(h)] = after[:, rows.stop - ended : rows.stop]
        ctx.save_for_backward(weight, gates, after, squashed)
        ctx.sizes = sizes
        hidden, cell = last.to(inputs.dtype)
        return hidden, cell

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_hidden: Tensor, d_cell: Tensor) -> tuple[Tensor, Tensor, None]:
        """Gradients of `inputs` and `weight`, from those of the last states."""
        weight, gates, after, squashed = ctx.saved_tensors
        d_gates = torch.empty_like(gates)
        # Of the states after a word; of questions that ended before it, of their last.
        d_hs, d_cs = (d.to(gates.dtype, copy=True) for d in (d_hidden, d_cell))
        found = []
        for rows, before, _ in reversed(_steps(ctx.sizes)):
            tanh_c = squashed[rows]
            d_h, d_c = d_hs[: len(tanh_c)], d_cs[: len(tanh_c)]
            i, f, g, o = gates[rows].chunk(4, dim=1)
            d_i, d_f, d_g, d_o = d_gates[rows].chunk(4, dim=1)
            _sigmoid_backward(d_h * tanh_c, o, grad_input=d_o)
            d_c += aten.tanh_backward(d_h * o, tanh_c)
            _sigmoid_backward(d_c * g, i, grad_input=d_i)
            _tanh_backward(d_c * i, g, grad_input=d_g)
            if before is None:  # the states before the first word are 0
                d_f.zero_()
            else:
                h, c = after[:, before]
                _sigmoid_backward(d_c * c, f, grad_input=d_f)
                d_c *= f
                d_h.copy_(d_gates[rows].to(weight.dtype) @ weight)
                found.append(h)
        later = d_gates[ctx.sizes[0] :].to(weight.dtype)
        states = torch.cat([after[0, :0], *reversed(found)]).to(weight.dtype)
        return d_gates.to(d_hidden.dtype), later.t() @ states, None


def _steps(sizes: list[int]) -> list[tuple[slice, slice | None, int]]:
    """Of each word of a question: the rows, those of the same questions' word before it, if there
    is one, and how many questions end with it."""
    starts = [0, *accumulate(sizes)]
    rows = [slice(start, start + size) for start, size in zip(starts, sizes, strict=False)]
    found = [slice(start, start + size) for start, size in zip(starts, sizes[1:], strict=False)]
    ended = [size - following for size, following in pairwise([*sizes, 0])]
    return list(zip(rows, [None, *found], ended, strict=True))


def _add_product(gates: Tensor, state: Tensor, weight: Tensor) -> None:
    """gates += state · W_hhᵀ; one question's as matrix times vector, which is quicker."""
    if weight.dtype != gates.dtype:
        gates += state.to(weight.dtype) @ weight.t()
    elif len(state) == 1:
        gates[0].addmv_(weight, state[0])
    else:
        torch.addmm(gates, state, weight.t(), out=gates)


def last_states(
    inputs: Float[Tensor, "words gates"], weight: Float[Tensor, "gates dim"], sizes: list[int]
) -> tuple[Float[Tensor, "questions dim"], Float[Tensor, "questions dim"]]:
    """See `LastStates`."""
    states: tuple[Tensor, Tensor] = LastStates.apply(inputs, weight, sizes)  # type: ignore[no-untyped-call]
    return states
