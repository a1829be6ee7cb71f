"""Triton's compiler, and what all kernels of this folder share."""

import inspect
from collections.abc import Callable
from typing import Any

import torch
import triton
import triton.language as tl

# Elements of a tile that a program holds in registers.
TILE = 8192


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
    """Return the 24 bits below which a random number of 24 bits means that an element stays."""
    return round((1 - p) * 2**24)


@jit()
def kept(seed, row, below, QUARTER: tl.constexpr):
    """Draw which elements of some rows stay: rows × 4·QUARTER, by Philox from seed and position."""
    group = row[:, None] * QUARTER + tl.arange(0, QUARTER)[None, :]
    a, b, c, d = tl.randint4x(seed, group, 7)
    bits = tl.join(tl.join(a, b), tl.join(c, d)).reshape(group.shape[0], 4 * QUARTER)
    return (bits.to(tl.uint32, bitcast=True) >> 8).to(tl.int32) < below
