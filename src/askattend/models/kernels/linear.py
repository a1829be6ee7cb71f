"""Linear layers of widths that a GPU's matrix units do not like."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from askattend.models.kernels import choice
from askattend.models.kernels.regions import matmul_dtype

# Matrix units read 16 bytes at once, if every row begins at a multiple of them.
ALIGNED = 8


def linear(layer: nn.Linear, x: Float[Tensor, "*rows columns"]) -> Float[Tensor, "*rows out"]:
    """W x + b. On a GPU, products of rows of an odd width take several times as long.

    So there x and W are filled up with zeros, which change nothing. An `x` that has been filled up
    already may be wider than W.
    """
    columns = x.shape[-1]
    if columns == layer.in_features and not (_aligns(layer.weight) and columns % ALIGNED):
        y: Tensor = layer(x)
        return y
    return multiply(x, layer.weight, layer.bias)


def wider_linear(
    layer: nn.Linear, x: Float[Tensor, "*rows columns"]
) -> Float[Tensor, "*rows wider"]:
    """W x + b as `linear`, on a GPU itself filled up with zeros at the end."""
    missing = -layer.out_features % ALIGNED if _aligns(layer.weight) else 0
    if not missing:
        return linear(layer, x)
    return multiply(x, F.pad(layer.weight, (0, 0, 0, missing)), F.pad(layer.bias, (0, missing)))


def multiply(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """W x + b, rows filled up."""
    dtype = matmul_dtype(weight)
    return F.linear(filled_up(x.to(dtype)), filled_up(weight.to(dtype)), bias)


def filled_up(x: Float[Tensor, "*rows columns"]) -> Float[Tensor, "*rows wider"]:
    """Fill up rows with zeros to a multiple of what is read at once, in types of two bytes."""
    missing = -x.shape[-1] % ALIGNED if x.dtype.itemsize == 2 else 0
    return F.pad(x, (0, missing)) if missing else x


def _aligns(weight: Tensor) -> bool:
    return choice.triton_runs(weight) and matmul_dtype(weight).itemsize == 2
