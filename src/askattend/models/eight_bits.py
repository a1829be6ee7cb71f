"""Weights in 8 bits, for a few questions at a time.

A single question is bound by the memory that weights are read from, 4 bytes for two operations. In
8 bits they are a quarter of it: 9.0 ms a question become 3.1 at SAAA's full size, without bfloat16.
"""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from askattend.models.attention import written_out
from askattend.models.recurrence import LSTM, AddProduct

# Rows from which on a product with the rounded weights in float32 is as quick.
FEW = 32
LARGEST = 127
# What the kernel reads at once: it neither checks that rows end there nor stops before.
BLOCK = 64


class Codes:
    """A matrix as whole numbers, W ≈ step·code with a step for each row.

    Args:
        weight: W, of float32. It becomes step·code, so that whatever else uses it agrees.
    """

    def __init__(self, weight: Float[Tensor, "outputs inputs"]) -> None:
        step = (weight.abs().amax(dim=1, keepdim=True) / LARGEST).bfloat16().to(weight.dtype)
        divisor = step.where(step != 0, 1.0)  # of a row of zeros
        codes = (weight / divisor).round_().clamp_(-LARGEST, LARGEST)
        weight.copy_(codes * step)
        self.padding = -weight.shape[1] % BLOCK
        self.codes = F.pad(codes, (0, self.padding)).char()
        self.step = step.squeeze(1).bfloat16()

    def times(self, x: Float[Tensor, "rows inputs"]) -> Float[Tensor, "rows outputs"]:
        """x·Wᵀ in bfloat16, to which x is rounded, too; sums are in float32."""
        # A copy begins where the kernel may read a block at once; a slice need not.
        rows = x.to(torch.bfloat16, copy=True)
        if self.padding:
            rows = F.pad(rows, (0, self.padding))
        product: Tensor = torch._weight_int8pack_mm(rows, self.codes, self.step)
        return product

    @staticmethod
    def quicker(x: Tensor) -> bool:
        """Whether the codes are to be used for some rows, which are for answering alone."""
        return len(x) <= FEW and not torch.is_grad_enabled() and not written_out(x)


class EightBitLinear(nn.Linear):
    """`torch.nn.Linear` with its weights rounded to 8 bits."""

    codes: Codes

    def forward(self, input: Tensor) -> Tensor:
        """The input times the weights, plus the bias."""
        if input.ndim != 2 or not Codes.quicker(input):
            return super().forward(input)
        product: Tensor = self.codes.times(input)
        return product.to(input.dtype) if self.bias is None else product + self.bias


class EightBitLSTM(LSTM):
    """`LSTM` with its weights rounded to 8 bits."""

    from_words: Codes
    from_states: Codes

    def inputs(self, x: Tensor) -> Tensor:
        """W_ih x + b_ih + b_hh: what words give the gates."""
        if x.ndim != 2 or not Codes.quicker(x):
            return super().inputs(x)
        product: Tensor = self.from_words.times(x)
        return product + (self.bias_ih_l0 + self.bias_hh_l0)

    def add_product(self, inputs: Tensor) -> AddProduct:
        """What adds W_hh h to some questions' gates."""
        return self._add_codes if Codes.quicker(inputs) else super().add_product(inputs)

    def _add_codes(self, gates: Tensor, state: Tensor) -> None:
        gates += self.from_states.times(state)


@torch.no_grad()
def round_to_eight_bits(network: nn.Module) -> None:
    """Round the matrices of a network's linear layers and LSTMs to 8 bits, one step a row.

    What a network computes with few rows is then read from their codes. Embeddings, biases, norms
    and whatever is not a matrix stay as they are. It is for answering: a gradient would move the
    weights away from their codes.

    Args:
        network: of float32, on a processor.
    """
    for module in list(network.modules()):
        parts: dict[str, Any]
        if type(module) is nn.Linear:
            module.__class__, parts = EightBitLinear, {"codes": module.weight}
        elif type(module) is LSTM:
            weights = {"from_words": module.weight_ih_l0, "from_states": module.weight_hh_l0}
            module.__class__, parts = EightBitLSTM, weights
        else:
            continue
        for name, weight in parts.items():
            setattr(module, name, Codes(weight))
