"""The recurrence of an LSTM over packed words, with one product for its weights' gradient."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from askattend.models.kernels import choice
from askattend.models.kernels.cpu.packed_steps import States, steps_of

# The name of one of the two.
StateName = Literal["hidden", "cell"]
# Given some questions' gates and their states, adds W_hh h to the gates.
AddProduct = Callable[[Tensor, Tensor], object]
# Questions up to which a product is quicker transposed.
MOST_TRANSPOSED = 12

aten = torch.ops.aten
_sigmoid_backward, _tanh_backward = (
    operation.grad_input for operation in (aten.sigmoid_backward, aten.tanh_backward)
)


class LSTMFunction(torch.autograd.Function):
    """The hidden and the cell state after each question's last word.

    The recurrence of `torch.nn.LSTM` (gates i, f, g, o) over packed words: the first words of all
    questions, then the second words, and so on, longer questions before shorter ones. PyTorch's own
    adds to the gradient of W_hh at every word, 16 MB each time at SAAA's width; here the gates'
    gradients are kept and multiplied with the states once, after the last.

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
        gates = _precise(inputs.detach())
        words, dim = len(gates), weight.shape[1]
        after = gates.new_empty(2, words, dim)  # hidden and cell state after each word
        squashed = gates.new_empty(words, dim)  # tanh(c) of it
        last = gates.new_empty(2, sizes[0], dim)
        for rows, before, ended in steps_of(sizes):
            gate, (h, c), tanh_c = gates[rows], after[:, rows], squashed[rows]
            if before is not None:
                _add_product(weight, gate, after[0, before])
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
        for rows, before, _ in reversed(steps_of(ctx.sizes)):
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


def _precise(inputs: Tensor) -> Tensor:
    return inputs.to(torch.promote_types(inputs.dtype, torch.float32))


def _add_product(weight: Tensor, gates: Tensor, state: Tensor) -> None:
    """gates += state · W_hhᵀ: of one question as matrix times vector, of a few transposed."""
    if choice.vector_runs(weight, state):
        from askattend.models.kernels.cpu import vectors as native

        gates[0] += native.times_vector(weight, state[0])
    elif weight.dtype != gates.dtype:
        gates += state.to(weight.dtype) @ weight.t()
    elif len(state) == 1:
        gates[0].addmv_(weight, state[0])
    elif len(state) <= MOST_TRANSPOSED:
        gates += (weight @ state.t()).t()
    else:
        torch.addmm(gates, state, weight.t(), out=gates)


def recur_without_gradient(steps: Iterable[Tensor], add_product: AddProduct) -> States:
    """Return the last states of `LSTMFunction` without a gradient, so that no others are kept.

    A word's numbers are in the cache when they are needed, and operations are few: starting them is
    most of a single question's time but for its products.

    Args:
        steps: what the questions' first words give the gates, W_ih x + b_ih + b_hh, questions ×
            4·dim; their second words, of fewer questions; and so on. Longer questions are before
            shorter ones. They are overwritten.
        add_product: adds W_hh h.

    Returns:
        States of the questions in the order of the first step.
    """
    h = c = torch.empty(0)
    ended: list[tuple[Tensor, Tensor]] = []
    for position, inputs in enumerate(steps):
        gates, left = _precise(inputs), len(inputs)
        if position:
            if left < len(h):
                ended.append((h[left:], c[left:]))
                h, c = h[:left], c[:left]
            add_product(gates, h)
        i, f, g, o = gates.chunk(4, dim=1)
        squashed = g.tanh()
        gates.sigmoid_()  # that of g, too, which nobody needs
        new = i.mul_(squashed)
        c = torch.addcmul(new, f, c) if position else new
        h = o.mul_(c.tanh())
    if not ended:
        return h, c
    hidden, cell = zip(*reversed([*ended, (h, c)]), strict=True)
    return torch.cat(hidden), torch.cat(cell)


class LSTM(nn.LSTM):
    """`torch.nn.LSTM` of one layer, which can also go over packed words for their last states."""

    weight_ih_l0: Tensor
    weight_hh_l0: Tensor
    bias_ih_l0: Tensor
    bias_hh_l0: Tensor

    def inputs(self, x: Float[Tensor, "*words embedding"]) -> Float[Tensor, "*words gates"]:
        """W_ih x + b_ih + b_hh, the words' part of the gates."""
        return F.linear(x, self.weight_ih_l0, self.bias_ih_l0 + self.bias_hh_l0)

    def last_states(self, inputs: Float[Tensor, "words gates"], sizes: list[int]) -> States:
        """Return hidden and cell state after each question's last word; see `LSTMFunction`.

        Args:
            inputs: of packed words; overwritten.
            sizes: how many questions have a first word, a second, …; falling.
        """
        weight = self.weight_hh_l0.to(inputs.dtype)
        function: Any = LSTMFunction
        if choice.native_runs(inputs, weight):
            from askattend.models.kernels.cpu import lstm as native

            function = native.LSTMFunction
        states: States = function.apply(inputs, weight, sizes)
        return states

    def last_states_of(
        self, steps: Iterable[Tensor], dtype: torch.dtype, *, several: bool = True
    ) -> States:
        """Return the same without a gradient; see `recur_without_gradient`.

        Args:
            steps: what the questions' first words give the gates; their second words; and so on.
            dtype: theirs, which products are computed in.
            several: False for a single question.
        """
        weight = self.weight_hh_l0.to(dtype)
        if several and choice.native_runs(weight):
            from askattend.models.kernels.cpu import lstm as native

            hidden, cell = native.recur_without_gradient(steps, weight)
        else:
            hidden, cell = recur_without_gradient(steps, self.add_product(dtype))
        return hidden.to(dtype), cell.to(dtype)

    def add_product(self, dtype: torch.dtype) -> AddProduct:
        """Return a function that adds W_hh h to some questions' gates, W_hh in a type."""
        return partial(_add_product, self.weight_hh_l0.to(dtype))
