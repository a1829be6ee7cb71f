"""Linear layers of widths that matrix units do not like, a GPU's or a processor's."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from askattend.models.kernels import choice
from askattend.models.kernels.regions import matmul_dtype

# A GPU's matrix units read 16 bytes at once, if every row begins at a multiple of them.
ALIGNED = 8
# A processor's make 32 columns at once; fewer layers gain by it than lose where they are narrow.
ALIGNED_ON_CPU, WIDE = 32, 256


def linear(layer: nn.Linear, x: Float[Tensor, "*rows columns"]) -> Float[Tensor, "*rows out"]:
    """W x + b. Products of rows of an odd width take several times as long on a GPU.

    So there x and W are filled up with zeros, which change nothing. An `x` that has been filled up
    already may be wider than W.
    """
    columns = x.shape[-1]
    if type(layer) is nn.Linear and choice.vector_runs(layer.weight, x):
        from askattend.models.kernels.cpu import vectors as native

        return (
            native.times_vector(layer.weight, x.reshape(-1), layer.bias)
            .to(x.dtype)
            .view(*x.shape[:-1], -1)
        )
    if columns == layer.in_features and not columns % _alignment_of_rows(layer.weight):
        y: Tensor = layer(x)
        return y
    return multiply(x, layer.weight, layer.bias)


def wider_linear(
    layer: nn.Linear, x: Float[Tensor, "*rows columns"]
) -> Float[Tensor, "*rows wider"]:
    """W x + b as `linear`, itself filled up with zeros at the end where that is quicker."""
    missing = -layer.out_features % _alignment_of_columns(layer)
    if not missing:
        return linear(layer, x)
    return multiply(x, F.pad(layer.weight, (0, 0, 0, missing)), F.pad(layer.bias, (0, missing)))


def multiply(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """W x + b, rows filled up; those of W as far as `wider_linear` filled up x."""
    dtype, columns = matmul_dtype(weight), weight.shape[-1]
    missing = -columns % ALIGNED_ON_CPU
    if columns >= WIDE and x.shape[-1] == columns + missing:
        weight = F.pad(weight, (0, missing))
    return F.linear(filled_up(x.to(dtype)), filled_up(weight.to(dtype)), bias)


def filled_up(x: Float[Tensor, "*rows columns"]) -> Float[Tensor, "*rows wider"]:
    """Fill up rows with zeros to a multiple of what is read at once, in types of two bytes."""
    missing = -x.shape[-1] % ALIGNED if x.dtype.itemsize == 2 else 0
    return F.pad(x, (0, missing)) if missing else x


def _alignment_of_rows(weight: Tensor) -> int:
    return ALIGNED if choice.triton_runs(weight) and matmul_dtype(weight).itemsize == 2 else 1


def _alignment_of_columns(layer: nn.Linear) -> int:
    narrow = matmul_dtype(layer.weight).itemsize == 2
    if narrow and layer.out_features >= WIDE and choice.matrix_units_run(layer.weight):
        return ALIGNED_ON_CPU
    return _alignment_of_rows(layer.weight)
