"""Choice of a way to compute: as the paper writes it, or a quick one of the same numbers."""

from __future__ import annotations

import torch
from torch import Tensor

from askattend.models.kernels.recording import is_recording


def as_written(*tensors: Tensor) -> bool:
    """Tell if a kernel's reference computes, rather than its quick ways.

    So it is where steps are recorded or the network is compiled, and on a GPU, whose own kernels
    are quick. Both ways give the same numbers, up to rounding.
    """
    return is_recording() or torch.compiler.is_compiling() or on_gpu(*tensors)


def on_gpu(*tensors: Tensor) -> bool:
    """Tell if sizes may not depend on data: to know them, the processor would wait for the GPU."""
    return any(t.is_cuda for t in tensors)
