"""Memory that would otherwise grow with the hours: of compiled kernels, and of freed blocks."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from functools import cache

_CAPACITY = "ONEDNN_PRIMITIVE_CACHE_CAPACITY"
_KERNELS = 64


def bound_kernel_cache() -> None:
    """Let oneDNN keep few of the kernels that it compiles, one for each shape of its arguments.

    Batches are of ever new shapes, so that its own 1,024 fill up and hardly one is used again. It
    reads the variable when it computes first; whoever has set it keeps their number.
    """
    os.environ.setdefault(_CAPACITY, str(_KERNELS))


def give_back_memory() -> None:
    """Give freed blocks back to the system, where the C library would keep them scattered."""
    if (trim := _trim()) is not None:
        trim(0)


@cache
def _trim() -> Callable[[int], int] | None:
    """Return ``malloc_trim``; None without the GNU C library."""
    try:
        found: Callable[[int], int] = ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError, TypeError):  # TypeError on Windows
        return None
    return found
