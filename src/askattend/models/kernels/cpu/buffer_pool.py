"""Memory for large tensors, used again instead of given back to the system and asked for anew."""

from __future__ import annotations

import math
import weakref
from collections import deque
from collections.abc import Sequence
from threading import Lock
from typing import Any

import numpy as np
import torch
from jaxtyping import Shaped
from torch import Tensor

# Bytes from which the C library asks the system for a tensor's memory and gives it back at once,
# and those above which no block stays in the pool.
LARGE, TOO_LARGE = 2**25, 2**28
# Of a cache's line, in bytes.
LINE = 64

Octets = np.ndarray[Any, np.dtype[np.uint8]]


class Pool:
    """Blocks of memory; one that no tensor uses any more serves the next.

    The system gives out memory in pages of 4 KB and zeroes each when it is first touched, which
    takes several times as long as to write it.

    Blocks that serve nobody stay in the pool if they were in use at the same time, `most` at most:
    where none of them is large enough for a tensor, nor small enough, all are given back.

    Args:
        most: blocks in the pool; where more are in use, it forgets the oldest.
    """

    def __init__(self, most: int) -> None:
        # With each block the array that its tensor was made from, which lives as long as that
        # tensor's memory is used.
        self._blocks: deque[tuple[Octets, weakref.ref[Octets]]] = deque(maxlen=most)
        self._lock = Lock()

    def take(self, size: int) -> Tensor:
        """Lend so many bytes, whatever they hold; nobody else's while any tensor uses them."""
        with self._lock:
            block = self._unused(size)
            lent = block[:size]
            self._blocks.append((block, weakref.ref(lent)))
            return torch.from_numpy(lent)

    def _unused(self, size: int) -> Octets:
        idle = [block for block, lent in self._blocks if lent() is None]
        fitting = [block for block in idle if size <= len(block) <= 2 * size]
        leaving = fitting[:1] or idle
        staying = [pair for pair in self._blocks if all(pair[0] is not block for block in leaving)]
        self._blocks = deque(staying, maxlen=self._blocks.maxlen)
        if fitting:
            return fitting[0]
        block = np.empty(size + LINE, np.uint8)
        return block[-block.ctypes.data % LINE :]


# An image's regions as numbers, and what dropout leaves of them; as much again for another thread.
POOL = Pool(most=4)


def empty_from_pool(
    shape: Sequence[int], dtype: torch.dtype, device: torch.device
) -> Shaped[Tensor, "*shape"]:
    """Make a tensor like `torch.empty`'s; a large one on a processor is from the pool."""
    size = math.prod(shape) * dtype.itemsize
    if device.type != "cpu" or not LARGE <= size <= TOO_LARGE:
        return torch.empty(*shape, dtype=dtype, device=device)
    return POOL.take(size).view(dtype).view(*shape)


def cast_copy(tensor: Tensor, dtype: torch.dtype) -> Tensor:
    """Copy a tensor in another type (or the same)."""
    size = tensor.numel() * dtype.itemsize
    if size < LARGE or tensor.requires_grad or torch.compiler.is_compiling():
        return tensor.to(dtype, copy=True)
    return empty_from_pool(tensor.shape, dtype, tensor.device).copy_(tensor)
