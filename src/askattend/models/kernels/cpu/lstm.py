"""The recurrence of an LSTM over packed words, between whose products all is one pass."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from askattend.models.kernels.cpu.packed_steps import States, steps_of
from askattend.native.library import call


class LSTMFunction(torch.autograd.Function):
    """The hidden and the cell state after each question's last word; see `recurrence`.

    Gates and cell states are in float32; hidden states are kept as the products take them.
    """

    @staticmethod
    def forward(
        ctx: Any, inputs: Tensor, weight: Tensor, sizes: list[int]
    ) -> tuple[Tensor, Tensor]:
        """Return states of each question.

        Args:
            inputs: W_ih x + b_ih + b_hh of each word, packed words × 4·dim.
            weight: W_hh, 4·dim × dim, of the inputs' type.
            sizes: how many questions have a first word, a second, …; falling.
        """
        inputs, (words, dim) = inputs.contiguous(), (len(inputs), weight.shape[1])
        if inputs.shape != (sum(sizes), 4 * dim) or len(weight) != 4 * dim:
            raise RuntimeError(f"{words} words of {inputs.shape[1]} for {tuple(weight.shape)}")
        gates, (cell, tanh_cell) = torch.empty(words, 4 * dim), torch.empty(2, words, dim)
        hidden = inputs.new_empty(words, dim)
        last = torch.empty(2, sizes[0], dim)
        for rows, before, ended in steps_of(sizes):
            product = None if before is None else hidden[before] @ weight.t()
            cell_before = None if before is None else cell[before]
            size = rows.stop - rows.start
            made = gates[rows], cell[rows], tanh_cell[rows], hidden[rows]
            call("lstm_forward", inputs.dtype, inputs[rows], product, cell_before, size, dim, *made)
            if ended:
                here, there = slice(size - ended, size), slice(rows.stop - ended, rows.stop)
                torch.mul(gates[there, 3 * dim :], tanh_cell[there], out=last[0, here])
                last[1, here] = cell[there]
        ctx.save_for_backward(weight, gates, cell, tanh_cell, hidden)
        ctx.sizes = sizes
        state, cell_state = last.to(inputs.dtype)
        return state, cell_state

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_hidden: Tensor, d_cell: Tensor) -> tuple[Tensor, Tensor, None]:
        """Return gradients of `inputs` and `weight`, from those of the last states."""
        weight, gates, cell, tanh_cell, hidden = ctx.saved_tensors
        dim = weight.shape[1]
        d_gates = hidden.new_empty(gates.shape)
        # Of the state after a word; of questions that ended before it, of their last.
        d_hidden, d_cell = (d.to(torch.float32, copy=True) for d in (d_hidden, d_cell))
        product, found = None, []
        for rows, before, ended in reversed(steps_of(ctx.sizes)):
            size = rows.stop - rows.start
            cell_before = None if before is None else cell[before]
            call(
                *("lstm_backward", weight.dtype, gates[rows], tanh_cell[rows], cell_before),
                *(product, size - ended, d_hidden, size, dim, d_cell, d_gates[rows]),
            )
            if before is not None:
                product = d_gates[rows] @ weight
                found.append(hidden[before])
        states = torch.cat([hidden[:0], *reversed(found)])
        return d_gates, d_gates[ctx.sizes[0] :].t() @ states, None


def recur_without_gradient(steps: Iterable[Tensor], weight: Tensor) -> States:
    """Return the last states of `LSTMFunction` without a gradient, so that no others are kept.

    Args:
        steps: what the questions' first words give the gates; their second words, of fewer
            questions; and so on.
        weight: W_hh, of their type.

    Returns:
        States of the questions in the order of the first step.
    """
    dim = weight.shape[1]
    ended: list[tuple[Tensor, Tensor]] = []
    h = c = scratch = torch.empty(0)
    for position, step in enumerate(steps):
        inputs, left = step.contiguous(), len(step)
        if step.shape[1:] != weight.shape[:1] or len(weight) != 4 * dim:
            raise RuntimeError(f"words of {step.shape[1:]} for {tuple(weight.shape)}")
        product = before = None
        if position:
            if left < len(h):
                ended.append((h[left:], c[left:]))
            product, before = h[:left] @ weight.t(), c[:left]
        else:
            scratch = torch.empty(left, 5 * dim)
        gates, tanh_c = scratch.view(-1)[: left * 5 * dim].split([left * 4 * dim, left * dim])
        h, c = inputs.new_empty(left, dim), torch.empty(left, dim)
        call("lstm_forward", inputs.dtype, inputs, product, before, left, dim, gates, c, tanh_c, h)
    hidden, cells = zip(*reversed([*ended, (h, c)]), strict=True)
    return torch.cat(hidden), torch.cat(cells)
