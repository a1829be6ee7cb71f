"""An LSTM over questions of different lengths, with one product for its weights' gradient."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import accumulate, pairwise
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

aten = torch.ops.aten
_sigmoid_backward, _tanh_backward = (
    operation.grad_input for operation in (aten.sigmoid_backward, aten.tanh_backward)
)


# Questions up to which a product is quicker transposed.
FEW = 12
# Given some questions' gates and their states, adds W_hh h to the gates.
AddProduct = Callable[[Tensor, Tensor], object]


class Passed(NamedTuple):
    """What a pass over packed words leaves."""

    after: Float[Tensor, "2 words dim"]  # hidden and cell state after each word
    squashed: Float[Tensor, "words dim"]  # tanh(c) of it
    last: Float[Tensor, "2 questions dim"]  # hidden and cell state after each question's last word


def recur(
    gates: Float[Tensor, "words gates"],
    add_product: AddProduct,
    sizes: list[int],
) -> Passed:
    """The recurrence of `torch.nn.LSTM`: i, f, o = σ(·), g = tanh(·); c ← i∘g + f∘c; h = o∘tanh(c).

    Args:
        gates: W_ih x + b_ih + b_hh of each word; overwritten by the gates' values.
        add_product: adds W_hh h.
        sizes: how many questions have a first word, a second, …; falling.
    """
    words, dim = len(gates), gates.shape[1] // 4
    after = gates.new_empty(2, words, dim)
    squashed = gates.new_empty(words, dim)
    last = gates.new_empty(2, sizes[0], dim)
    for rows, before, ended in _steps(sizes):
        gate, (h, c), tanh_c = gates[rows], after[:, rows], squashed[rows]
        if before is not None:
            add_product(gate, after[0, before])
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
    return Passed(after, squashed, last)


def recur_alone(
    gates: Float[Tensor, "words gates"], add_product: AddProduct
) -> tuple[Float[Tensor, "1 dim"], Float[Tensor, "1 dim"]]:
    """The same for a single question, whose states but for the last nobody needs.

    Much of a word's time is that of its small operations, so there are as few as can be.
    """
    h, c = gates[:0], gates[:0]
    for position, gate in enumerate(gates.split(1)):
        if position:
            add_product(gate, h)
        i, f, g, o = gate.chunk(4, dim=1)
        squashed = g.tanh()
        gate.sigmoid_()  # that of g, too, which nobody needs
        new = i.mul_(squashed)
        c = torch.addcmul(new, f, c) if position else new
        h = o.mul_(c.tanh())
    return h, c


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
        gates = _precise(inputs.detach())
        passed = recur(gates, partial(_add_product, weight), sizes)
        ctx.save_for_backward(weight, gates, passed.after, passed.squashed)
        ctx.sizes = sizes
        hidden, cell = passed.last.to(inputs.dtype)
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


def _precise(inputs: Tensor) -> Tensor:
    return inputs.to(torch.promote_types(inputs.dtype, torch.float32))


def _add_product(weight: Tensor, gates: Tensor, state: Tensor) -> None:
    """gates += state · W_hhᵀ, of one question as matrix times vector; of a few transposed, which is
    up to three times as quick (four questions of 8 words in 19 ms instead of 31)."""
    if weight.dtype != gates.dtype:
        gates += state.to(weight.dtype) @ weight.t()
    elif len(state) == 1:
        gates[0].addmv_(weight, state[0])
    elif len(state) <= FEW:
        gates += (weight @ state.t()).t()
    else:
        torch.addmm(gates, state, weight.t(), out=gates)


class LSTM(nn.LSTM):
    """`torch.nn.LSTM` of one layer, which can also go over packed words for their last states."""

    weight_ih_l0: Tensor
    weight_hh_l0: Tensor
    bias_ih_l0: Tensor
    bias_hh_l0: Tensor

    def inputs(self, x: Float[Tensor, "*words embedding"]) -> Float[Tensor, "*words gates"]:
        """W_ih x + b_ih + b_hh: what words give the gates."""
        return F.linear(x, self.weight_ih_l0, self.bias_ih_l0 + self.bias_hh_l0)

    def last_states(
        self, inputs: Float[Tensor, "words gates"], sizes: list[int]
    ) -> tuple[Float[Tensor, "questions dim"], Float[Tensor, "questions dim"]]:
        """The hidden and the cell state after each question's last word; see `LastStates`.

        Args:
            inputs: of packed words; overwritten.
            sizes: how many questions have a first word, a second, …; falling.
        """
        if torch.is_grad_enabled():
            weight = self.weight_hh_l0.to(inputs.dtype)
            states: tuple[Tensor, Tensor] = LastStates.apply(inputs, weight, sizes)  # type: ignore[no-untyped-call]
            return states
        gates, add_product = _precise(inputs), self.add_product(inputs)
        if sizes[0] == 1:
            hidden, cell = recur_alone(gates, add_product)
        else:
            hidden, cell = recur(gates, add_product, sizes).last
        return hidden.to(inputs.dtype), cell.to(inputs.dtype)

    def add_product(self, inputs: Float[Tensor, "words gates"]) -> AddProduct:
        """What adds W_hh h to some questions' gates, W_hh in the type of `inputs`."""
        return partial(_add_product, self.weight_hh_l0.to(inputs.dtype))
