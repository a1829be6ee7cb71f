"""Triton's compiler, and what all kernels of this folder share."""

import inspect
from collections.abc import Callable
from typing import Any

import torch
import triton
import triton.language as tl

# Rows of a tile: as many as `kept` draws for at once.
ROWS = 8
# Columns of a warp, whose threads hold all rows of some of them: more do not fit into registers.
COLUMNS_OF_WARP = 128


def jit(*numbers: str) -> Callable[[Callable[..., Any]], Any]:
    """Return a decorator that compiles a function for a GPU.

    A run-time checker of annotations, which wraps functions, is left out: Triton reads their text.

    Args:
        numbers: arguments whose values make no variants of the function.
    """

    def compiled(function: Callable[..., Any]) -> Any:
        return triton.jit(inspect.unwrap(function), do_not_specialize=list(numbers))

    return compiled


def power_of_two(size: int) -> int:
    """Round up to a power of two, which sizes of Triton's tensors are."""
    return max(1, 1 << (size - 1).bit_length())


def exact_dot() -> bool:
    """Tell if products are in float32: Triton's interpreter has none of bfloat16."""
    return bool(triton.knobs.runtime.interpret)


def draw_seed(device: torch.device) -> torch.Tensor:
    """Draw a number on a device that a kernel's random bits follow from; anew at each replay."""
    return torch.empty(1, dtype=torch.int64, device=device).random_()


def threshold(p: float) -> int:
    """Return the number that a random one of 16 bits is below where an element stays."""
    return round((1 - p) * 2**16)


@jit()
def kept(seed, group, below):
    """Draw which elements of eight rows stay: 8 × columns, by Philox from a seed and a number.

    A column's four random words are sixteen bits for each of its rows, so that where a thread has
    all rows of its columns, nothing is exchanged.

    Args:
        seed: a number.
        group: a number for each column, of no other rows.
        below: see `threshold`.
    """
    a, b, c, d = tl.randint4x(seed, group, 7)
    row = tl.arange(0, 8)[:, None]
    low = tl.where(row < 2, a[None, :], b[None, :])
    high = tl.where(row < 6, c[None, :], d[None, :])
    words = tl.where(row < 4, low, high).to(tl.uint32, bitcast=True)
    return ((words >> ((row % 2) * 16).to(tl.uint32)) & 0xFFFF).to(tl.int32) < below
