"""Choice of a way to compute: as the paper writes it, or a quick one of the same numbers."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec

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


def as_onnx() -> bool:
    """Tell if a graph for ONNX is being made: what has no size in it that depends on data."""
    # Nobody else need wait for the import of torch.onnx.
    return torch.compiler.is_compiling() and torch.onnx.is_in_onnx_export()


def triton_runs(*tensors: Tensor) -> bool:
    """Tell if Triton's kernels compute: on a GPU that it compiles for, in types that they know."""
    return (
        all(t.is_cuda and t.dtype in TRITON_DTYPES for t in tensors)
        and _has_triton()
        and not is_recording()
        and not torch.compiler.is_compiling()
    )


TRITON_DTYPES = (torch.float32, torch.bfloat16, torch.float16)


@cache
def _has_triton() -> bool:
    """True where Triton is installed, as it is with PyTorch for CUDA, and the GPU is recent."""
    return find_spec("triton") is not None and torch.cuda.get_device_capability() >= (7, 0)
