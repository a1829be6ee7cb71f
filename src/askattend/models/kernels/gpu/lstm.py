"""An LSTM's last states over a schedule that falls: how many questions each step goes over.

The reference is `askattend.models.kernels.lstm.reference`. The schedule is known before, so that a
CUDA graph can hold it; it may go over a question's end, whose words there change nothing. Products
are PyTorch's; all between two of them is one kernel a step.
"""

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor
from torch.autograd.function import once_differentiable

from askattend.models.kernels.gpu.jit import jit

COLUMNS = 512


class FallingLSTM(torch.autograd.Function):
    """Hidden and cell state after each question's last word.

    Cell states and all sums are in float32, hidden states and gates in the products' type.
    """

    @staticmethod
    def forward(
        ctx: Any, inputs: Tensor, weight: Tensor, lengths: Tensor, order: Tensor, sizes: list[int]
    ) -> tuple[Tensor, Tensor]:
        """Return the states of each question, in the order that `lengths` has.

        Args:
            inputs: W_ih x + b_ih + b_hh of the first words, the second words, and so on, those of
                longer questions first; overwritten with the gates.
            weight: W_hh, 4·dim × dim or, filled up with zeros, more, in the type of `inputs`.
            lengths: of each question.
            order: the questions, longest first.
            sizes: how many questions have a first word, a second, …, or more; falling.
        """
        gates, (dim, width) = inputs.detach(), (len(weight) // 4, weight.shape[1])
        hidden = (gates.new_empty if width == dim else gates.new_zeros)(len(gates), width)
        cell = torch.empty(len(gates), dim, dtype=torch.float32, device=gates.device)
        last = gates.new_empty(2, sizes[0], dim)
        product = gates.new_empty(sizes[0], 4 * dim)
        starts = [0, *accumulate(sizes)]
        for step, size in enumerate(sizes):
            before, start = starts[max(step - 1, 0)], starts[step]
            if step:
                torch.mm(hidden[before : before + size], weight.t(), out=product[:size])
            _forward[(size, triton.cdiv(dim, COLUMNS))](
                gates, product, cell, hidden, last, lengths, order,
                start, before, step, sizes[0], dim, width,
                FIRST=step == 0, COLUMNS=COLUMNS, num_warps=4,
            )  # fmt: skip
        ctx.save_for_backward(weight, gates, hidden, cell, lengths, order)
        ctx.sizes = sizes
        return last[0], last[1]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_hidden: Tensor, d_cell: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients of `inputs` and `weight`, from those of the last states."""
        weight, gates, hidden, cell, lengths, order = ctx.saved_tensors
        sizes, dim, width = ctx.sizes, len(weight) // 4, weight.shape[1]
        d_hidden, d_cell = d_hidden.contiguous(), d_cell.contiguous()
        d_gates = torch.empty_like(gates)
        d_h = gates.new_empty(sizes[0], width)
        d_c = torch.empty(sizes[0], dim, dtype=torch.float32, device=gates.device)
        starts = [0, *accumulate(sizes)]
        for step in reversed(range(len(sizes))):
            before, start, size = starts[max(step - 1, 0)], starts[step], sizes[step]
            _backward[(size, triton.cdiv(dim, COLUMNS))](
                gates, cell, d_hidden, d_cell, d_h, d_c, d_gates, lengths, order,
                start, before, step, dim, width,
                FIRST=step == 0, COLUMNS=COLUMNS, num_warps=4,
            )  # fmt: skip
            if step:
                torch.mm(d_gates[start : start + size], weight, out=d_h[:size])
        return d_gates, _weight_gradient(d_gates, hidden, sizes), None, None, None


def _weight_gradient(d_gates: Tensor, hidden: Tensor, sizes: Sequence[int]) -> Tensor:
    """One product for all steps: each step's gates with the states that it found."""
    starts = [0, *accumulate(sizes)]
    pairs = zip(starts, sizes[1:], strict=False)
    found = [hidden[start : start + size] for start, size in pairs]
    return d_gates[sizes[0] :].t() @ torch.cat([hidden[:0], *found])


@jit()
def _sigmoid(x):
    return 1.0 / (1.0 + tl.exp(-x))


@jit()
def _tanh(x):
    return 1.0 - 2.0 / (1.0 + tl.exp(2.0 * x))


@jit("start", "before", "step", "questions")
def _forward(
    gates,
    product,
    cell,
    hidden,
    last,
    lengths,
    order,
    start,
    before,
    step,
    questions,
    dim,
    width,
    FIRST: tl.constexpr,
    COLUMNS: tl.constexpr,
):
    row = tl.program_id(0)
    d = tl.program_id(1) * COLUMNS + tl.arange(0, COLUMNS)
    inside = d < dim
    at = gates + (start + row).to(tl.int64) * 4 * dim + d
    i = tl.load(at, mask=inside, other=0.0).to(tl.float32)
    f = tl.load(at + dim, mask=inside, other=0.0).to(tl.float32)
    g = tl.load(at + 2 * dim, mask=inside, other=0.0).to(tl.float32)
    o = tl.load(at + 3 * dim, mask=inside, other=0.0).to(tl.float32)
    if not FIRST:
        more = product + row * 4 * dim + d
        i += tl.load(more, mask=inside, other=0.0).to(tl.float32)
        f += tl.load(more + dim, mask=inside, other=0.0).to(tl.float32)
        g += tl.load(more + 2 * dim, mask=inside, other=0.0).to(tl.float32)
        o += tl.load(more + 3 * dim, mask=inside, other=0.0).to(tl.float32)
    i, f, g, o = _sigmoid(i), _sigmoid(f), _tanh(g), _sigmoid(o)
    c = i * g
    if not FIRST:
        c += f * tl.load(cell + (before + row) * dim + d, mask=inside, other=0.0)
    h = o * _tanh(c)
    kind = gates.dtype.element_ty
    tl.store(at, i.to(kind), mask=inside)
    tl.store(at + dim, f.to(kind), mask=inside)
    tl.store(at + 2 * dim, g.to(kind), mask=inside)
    tl.store(at + 3 * dim, o.to(kind), mask=inside)
    tl.store(cell + (start + row) * dim + d, c, mask=inside)
    tl.store(hidden + (start + row) * width + d, h.to(kind), mask=inside)
    question = tl.load(order + row)
    ends = inside & (tl.load(lengths + question) == step + 1)
    tl.store(last + question * dim + d, h.to(kind), mask=ends)
    tl.store(last + (questions + question) * dim + d, c.to(kind), mask=ends)


@jit("start", "before", "step")
def _backward(
    gates,
    cell,
    d_hidden,
    d_cell,
    d_h,
    d_c,
    d_gates,
    lengths,
    order,
    start,
    before,
    step,
    dim,
    width,
    FIRST: tl.constexpr,
    COLUMNS: tl.constexpr,
):
    row = tl.program_id(0)
    d = tl.program_id(1) * COLUMNS + tl.arange(0, COLUMNS)
    inside = d < dim
    question = tl.load(order + row)
    length = tl.load(lengths + question)
    # A question that ended before has no gradient here; its last word begins one.
    active = inside & (length > step)
    ends = inside & (length == step + 1)
    later = inside & (length > step + 1)
    at = (start + row).to(tl.int64) * 4 * dim + d
    i = tl.load(gates + at, mask=active, other=0.0).to(tl.float32)
    f = tl.load(gates + at + dim, mask=active, other=0.0).to(tl.float32)
    g = tl.load(gates + at + 2 * dim, mask=active, other=0.0).to(tl.float32)
    o = tl.load(gates + at + 3 * dim, mask=active, other=0.0).to(tl.float32)
    squashed = _tanh(tl.load(cell + (start + row) * dim + d, mask=active, other=0.0))
    dh = tl.load(d_hidden + question * dim + d, mask=ends, other=0.0).to(tl.float32)
    dh += tl.load(d_h + row * width + d, mask=later, other=0.0).to(tl.float32)
    dc = tl.load(d_cell + question * dim + d, mask=ends, other=0.0).to(tl.float32)
    dc += tl.load(d_c + row * dim + d, mask=later, other=0.0)
    dc += dh * o * (1.0 - squashed * squashed)
    kind = d_gates.dtype.element_ty
    tl.store(d_gates + at, (dc * g * i * (1.0 - i)).to(kind), mask=inside)
    if FIRST:
        df = dc * 0.0
    else:
        df = dc * tl.load(cell + (before + row) * dim + d, mask=active, other=0.0) * f * (1.0 - f)
    tl.store(d_gates + at + dim, df.to(kind), mask=inside)
    tl.store(d_gates + at + 2 * dim, (dc * i * (1.0 - g * g)).to(kind), mask=inside)
    tl.store(d_gates + at + 3 * dim, (dh * squashed * o * (1.0 - o)).to(kind), mask=inside)
    tl.store(d_c + row * dim + d, dc * f, mask=inside)
