"""Choice of a way to compute: as the paper writes it, or a quick one of the same numbers."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec

import torch
from torch import Tensor

from askattend.models.kernels.recording import is_recording

# Questions, and images, that a kernel in C is not compiled for: whoever asks one or two waits less
# for what PyTorch has.
FEW, FEW_IMAGES = 16, 4
# Numbers of a matrix from which, times a vector, reading it is what takes the time.
LARGE = 2**20
NATIVE_DTYPES = (torch.float32, torch.bfloat16)
TRITON_DTYPES = (torch.float32, torch.bfloat16, torch.float16)


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


def native_runs(*tensors: Tensor, dtypes: Sequence[torch.dtype] = NATIVE_DTYPES) -> bool:
    """Tell if kernels in C compute: on a processor with a compiler for them, in types they know."""
    if not all(t.device.type == "cpu" and t.dtype in dtypes for t in tensors):
        return False
    if is_recording() or torch.compiler.is_compiling() or _is_watched():
        return False
    if not all(map(_has_memory, tensors)):
        return False
    from askattend.native.library import library

    return library() is not None


def vector_runs(weight: Tensor, x: Tensor) -> bool:
    """Tell if a kernel in C multiplies a matrix with a single row: one of bfloat16, and large."""
    if is_recording() or torch.compiler.is_compiling() or torch.is_grad_enabled():
        return False  # before sizes are looked at, which a compiler would take for fixed
    large = weight.dtype == torch.bfloat16 and weight.numel() >= LARGE
    return large and x.numel() == x.shape[-1] and native_runs(weight)


def _is_watched() -> bool:
    """Return True within a mode that sees each operation, such as a counter of them."""
    modes = getattr(torch._C, "_len_torch_dispatch_stack", None)  # no public function tells it
    return modes is not None and modes() > 0


def _has_memory(tensor: Tensor) -> bool:
    """Return False for one that stands for others, as those of `torch.func` and fake ones do."""
    if type(tensor) not in (Tensor, torch.nn.Parameter):
        return False
    try:
        tensor.data_ptr()
    except RuntimeError:
        return False
    return True


def matrix_units_run(*tensors: Tensor) -> bool:
    """Tell if a processor multiplies, in bfloat16, what is not to be seen as written."""
    own = all(t.device.type == "cpu" for t in tensors)
    return own and not is_recording() and not torch.compiler.is_compiling()


@cache
def _has_triton() -> bool:
    """True where Triton is installed, as it is with PyTorch for CUDA, and the GPU is recent."""
    return find_spec("triton") is not None and torch.cuda.get_device_capability() >= (7, 0)
