"""The device to compute on, and the type of its numbers."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from itertools import accumulate
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from askattend.errors import ConfigError

# The type that matrices are multiplied in.
Precision = Literal["float32", "bfloat16"]
# As a setting names it: ``"auto"`` depends on the processor.
PrecisionChoice = Literal["auto", Precision]
# What answers may be computed in, too: weights of 8 bits, which cannot be trained.
AnsweringPrecision = Literal[PrecisionChoice, "int8"]

# Bytes below which tensors travel together, and the multiple at which each begins then.
SMALL, ALIGNED = 2**20, 16

PRECISIONS: dict[Precision, torch.dtype] = {"float32": torch.float32, "bfloat16": torch.bfloat16}


def pick_device(name: str) -> torch.device:
    """Return the device that a setting names; ``"auto"`` is a GPU if there is one.

    Raises:
        ConfigError: there is no such device here.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
        return device
    except (RuntimeError, AssertionError) as error:
        raise ConfigError(
            f"cannot compute on '{name}' ({str(error).splitlines()[0].rstrip('.')})",
            where="device",
            remedy="Use auto or cpu.",
        ) from None


def describe_device(device: torch.device) -> str:
    """Describe what is computed on: ``"NVIDIA H100 80GB HBM3"``, ``"2 threads of x86_64"``."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    threads = torch.get_num_threads()
    return f"{threads} thread{'s' * (threads > 1)} of {platform.machine() or device.type}"


@contextmanager
def computing_threads(count: int) -> Iterator[None]:
    """Compute with so many threads within a ``with`` block, and then with as many as before.

    Sums are divided among threads, so that the last bit of what a processor computes depends on
    their number; two that compute with as many get the same bytes.

    Args:
        count: 0 leaves the number as it is.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(count or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def to_device(tensor: Tensor, device: torch.device) -> Tensor:
    """Copy a tensor to a device; to a GPU without waiting, from pinned memory."""
    if device.type == "cuda" and tensor.device.type == "cpu":
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor.to(device)


def all_to_device(tensors: Mapping[str, Tensor], device: torch.device) -> dict[str, Tensor]:
    """Copy tensors to a device; small ones of the processor's memory in one piece.

    Each copy to a GPU costs the processor as much as a small one of a few MB costs the GPU.
    """
    small = [n for n, t in tensors.items() if t.device.type == "cpu" and t.nbytes < SMALL]
    sizes = [-(-tensors[name].nbytes // ALIGNED) * ALIGNED for name in small]
    starts = [0, *accumulate(sizes)]
    packed = torch.empty(starts[-1], dtype=torch.uint8, pin_memory=device.type == "cuda")
    for copied, name in zip(_parts(packed, tensors, small, starts), small, strict=True):
        copied.copy_(tensors[name])
    there = _parts(packed.to(device, non_blocking=True), tensors, small, starts)
    moved = dict(zip(small, there, strict=True))
    return {n: moved[n] if n in moved else to_device(t, device) for n, t in tensors.items()}


def _parts(
    packed: Tensor, tensors: Mapping[str, Tensor], names: Sequence[str], starts: Sequence[int]
) -> list[Tensor]:
    return [
        packed[start : start + tensors[name].nbytes]
        .view(tensors[name].dtype)
        .view_as(tensors[name])
        for name, start in zip(names, starts, strict=False)
    ]


def pick_precision(name: PrecisionChoice, device: torch.device | str) -> torch.dtype:
    """Return what matrices are multiplied in; ``"auto"`` is bfloat16 where it is native.

    Whatever it is, weights that are trained, norms, softmax and loss are in float32.

    Raises:
        ConfigError: there is no such precision.
    """
    require_precision(name, get_args(PrecisionChoice))
    if name == "auto":
        name = "bfloat16" if native_bfloat16(torch.device(device).type) else "float32"
    return PRECISIONS[name]


def require_precision(name: str, names: Sequence[str]) -> None:
    """Refuse a precision that is none of `names`.

    Raises:
        ConfigError: it lists those that there are.
    """
    if name not in names:
        remedy = f"Use one of {', '.join(names)}."
        raise ConfigError(f"'{name}' is not a precision", where="precision", remedy=remedy)


@cache
def native_bfloat16(kind: str) -> bool:
    """Return True where a kind of device has instructions for bfloat16; without, it is slow."""
    if kind == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    capabilities = torch.cpu.get_capabilities()
    return kind == "cpu" and any(
        capabilities.get(name, False) for name in ("amx_bf16", "avx512_bf16", "bf16")
    )


@contextmanager
def autocast(name: PrecisionChoice, model: nn.Module) -> Iterator[None]:
    """Let a network multiply in a precision within a ``with`` block; its weights stay as they are.

    Whoever made a network's weights float64 (or bfloat16) wants it computed so: ``"auto"`` changes
    nothing then.

    Raises:
        ConfigError: bfloat16 is asked for, but the weights are float64.
    """
    weight = next(model.parameters())
    low = pick_precision(name, weight.device) is torch.bfloat16 and weight.dtype == torch.float32
    if name == "bfloat16" and weight.dtype == torch.float64:
        raise ConfigError(
            "a network with float64 weights is computed in float64",
            where="precision",
            remedy='Make it float32 with model.float(), or set precision="auto".',
        )
    with torch.autocast(weight.device.type, torch.bfloat16, enabled=low):
        yield
