"""Where to compute, and in which numbers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Literal

import torch
from torch import Tensor

from askattend.errors import ConfigError

Precision = Literal["auto", "float32", "bfloat16"]


def pick_device(name: str) -> torch.device:
    """The device that a setting names; ``"auto"`` is a GPU if there is one.

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


def moved(tensor: Tensor, device: torch.device) -> Tensor:
    """`tensor` on a device; a GPU fetches it from pinned memory while the processor goes on."""
    if device.type == "cuda" and tensor.device.type == "cpu":
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor.to(device)


def pick_precision(name: Precision, device: torch.device | str) -> torch.dtype:
    """What matrices are multiplied in; ``"auto"`` is bfloat16 where the processor does it natively.

    Whatever it is, weights that are trained, norms, softmax and loss are in float32.
    """
    if name == "auto":
        name = "bfloat16" if native_bfloat16(torch.device(device).type) else "float32"
    return torch.bfloat16 if name == "bfloat16" else torch.float32


@cache
def native_bfloat16(kind: str) -> bool:
    """Whether a kind of device has instructions for bfloat16; without, it is slow."""
    if kind == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    capabilities = torch.cpu.get_capabilities()
    return kind == "cpu" and any(
        capabilities.get(name, False) for name in ("amx_bf16", "avx512_bf16", "bf16")
    )


@contextmanager
def computing(name: Precision, device: torch.device | str) -> Iterator[None]:
    """Inside the ``with`` block products are in the precision named; weights stay what they are."""
    device = torch.device(device)
    low = pick_precision(name, device) is torch.bfloat16
    with torch.autocast(device.type, torch.bfloat16, enabled=low):
        yield
