"""Weights in 8 bits, for a few questions at a time.

A single question is bound by the memory that weights are read from, 4 bytes for two operations. In
8 bits they are a quarter of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from askattend.errors import ConfigError
from askattend.models.kernels import choice
from askattend.models.kernels.cpu.packed_steps import States
from askattend.models.kernels.recurrence import LSTM, AddProduct

# Rows above which a product with the rounded weights in float32 is as quick.
MOST_ROWS = 16
LARGEST = 127
# What the kernel reads at once: it neither checks that rows end there nor stops before.
BLOCK = 64


class Int8Matrix:
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

    def matmul(self, x: Float[Tensor, "rows inputs"]) -> Float[Tensor, "rows outputs"]:
        """x·Wᵀ in bfloat16, to which x is rounded, too; sums are in float32."""
        # A copy begins where the kernel may read a block at once; a slice need not.
        rows = x.to(torch.bfloat16, copy=True, memory_format=torch.contiguous_format)
        if self.padding:
            rows = F.pad(rows, (0, self.padding))
        product: Tensor = torch._weight_int8pack_mm(rows, self.codes, self.step)
        return product

    @staticmethod
    def quicker(x: Tensor) -> bool:
        """Tell if some rows times the codes, which are for answering alone, is quicker."""
        return len(x) <= MOST_ROWS and not torch.is_grad_enabled() and not choice.as_written(x)


class _Recoded(nn.Module):
    """A module some of whose matrices have codes, which are made anew where weights are loaded.

    Attributes:
        coded: a matrix's name → the name of its codes.
    """

    coded: ClassVar[dict[str, str]]

    @torch.no_grad()
    def recode(self) -> None:
        """Round the matrices; a gradient would move them away from their codes, so none is kept."""
        for name, codes in self.coded.items():
            weight = self.get_parameter(name).requires_grad_(False)
            weight.data = weight.data.clone()  # it can be somebody's who loaded it from there
            setattr(self, codes, Int8Matrix(weight))

    def _load_from_state_dict(self, *arguments: Any) -> None:
        super()._load_from_state_dict(*arguments)
        self.recode()


class Int8Linear(_Recoded, nn.Linear):
    """`torch.nn.Linear` with its weights rounded to 8 bits."""

    coded: ClassVar = {"weight": "codes"}
    codes: Int8Matrix

    def forward(self, input: Float[Tensor, "*rows inputs"]) -> Float[Tensor, "*rows outputs"]:
        """Multiply the input with the weights (their codes, if it has few rows); add the bias."""
        if input.ndim != 2 or not Int8Matrix.quicker(input):
            return super().forward(input)
        product: Tensor = self.codes.matmul(input)
        return product.to(input.dtype) if self.bias is None else product + self.bias


class Int8LSTM(_Recoded, LSTM):
    """`LSTM` with its weights rounded to 8 bits."""

    coded: ClassVar = {"weight_ih_l0": "from_words", "weight_hh_l0": "from_states"}
    from_words: Int8Matrix
    from_states: Int8Matrix

    def inputs(self, x: Float[Tensor, "*words embedding"]) -> Float[Tensor, "*words gates"]:
        """W_ih x + b_ih + b_hh, the words' part of the gates."""
        if x.ndim != 2 or not Int8Matrix.quicker(x):
            return super().inputs(x)
        product: Tensor = self.from_words.matmul(x)
        return product + (self.bias_ih_l0 + self.bias_hh_l0)

    def last_states_of(
        self, steps: Iterable[Tensor], dtype: torch.dtype, *, several: bool = True
    ) -> States:
        """Return the last states by `add_product`, which nothing quicker stands in for."""
        return super().last_states_of(steps, dtype, several=False)

    def add_product(self, dtype: torch.dtype) -> AddProduct:
        """Return a function that adds W_hh h to some questions' gates; from the codes, if few."""
        exactly = super().add_product(dtype)

        def add(gates: Tensor, state: Tensor) -> None:
            if Int8Matrix.quicker(state):
                gates += self.from_states.matmul(state)
            else:
                exactly(gates, state)

        return add


def round_to_eight_bits(network: nn.Module) -> None:
    """Round the matrices of a network's linear layers and LSTMs to 8 bits, one step a row.

    Products with up to `MOST_ROWS` rows then read their codes: a question or a few about an image
    already encoded. The rounded float32 weights stay beside the codes, for all else; so memory
    grows by a quarter of the matrices' size. Inputs of products with codes, and the
    products, are rounded to bfloat16. Embeddings, biases, norms and whatever is not a matrix stay
    as they are. It is for answering: the matrices have no gradient from then on. Weights that are
    loaded later are rounded, too.

    Args:
        network: of float32, on a processor.

    Raises:
        ConfigError: this PyTorch has no product with 8-bit codes.
    """
    _require_product()
    for module in list(network.modules()):
        if type(module) is nn.Linear:
            module.__class__ = Int8Linear
        elif type(module) is LSTM:
            module.__class__ = Int8LSTM
        else:
            continue
        assert isinstance(module, _Recoded)
        module.recode()


def is_rounded(network: nn.Module) -> bool:
    """Tell if any of a network's matrices are rounded to 8 bits."""
    return any(isinstance(module, _Recoded) for module in network.modules())


def _require_product() -> None:
    """Refuse a PyTorch whose product, which has no public name, is another or not there."""
    try:
        (one,) = Int8Matrix(torch.ones(1, BLOCK)).matmul(torch.ones(1, BLOCK))
        works = one.item() == BLOCK
    except (AttributeError, RuntimeError):
        works = False
    if not works:
        raise ConfigError(
            f"PyTorch {torch.__version__} cannot multiply with weights of 8 bits here",
            where="precision",
            remedy="Use another precision, or PyTorch 2.13.",
        )
