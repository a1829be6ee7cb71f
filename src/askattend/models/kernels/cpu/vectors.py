"""A large matrix in bfloat16 times a vector, as fast as memory gives the matrix."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from askattend.native.library import call


def times_vector(
    weight: Float[Tensor, "out columns"],
    x: Float[Tensor, " columns"],
    bias: Float[Tensor, " out"] | None = None,
) -> Float[Tensor, " out"]:
    """W x + b, in float32. No gradient.

    Args:
        weight: W, in bfloat16.
        x: of any floating type.
        bias: b, likewise, if there is one.
    """
    if x.shape != weight.shape[1:]:
        raise RuntimeError(f"{tuple(weight.shape)} times {tuple(x.shape)}")
    weight, x = weight.contiguous(), x.float().contiguous()
    added = None if bias is None else bias.float().contiguous()
    y = torch.empty(len(weight))
    call("times_vector", weight.dtype, weight, x, added, weight.shape[1], len(weight), y)
    return y
