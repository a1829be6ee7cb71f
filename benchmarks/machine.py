"""The machine that figures were measured on, without which none of them means anything."""

from __future__ import annotations

import os
import platform
from pathlib import Path

import msgspec
import torch

from benchmarks.measure import median_seconds

FLAGS = ("avx2", "avx512f", "avx512_bf16", "amx_tile", "amx_bf16")


class Machine(msgspec.Struct, frozen=True):
    """A machine and what it computes with.

    Attributes:
        processor: its model.
        cores: that the system has.
        threads: that PyTorch uses.
        flags: which of `FLAGS` the processor has.
        torch: version.
        matmul_gflops: of a square product with these threads, by floating type.
        load: processes that wanted to run in the last minute before; above `cores`, figures shake.
    """

    processor: str
    cores: int
    threads: int
    flags: tuple[str, ...]
    torch: str
    matmul_gflops: dict[str, float]
    load: float

    @property
    def bfloat16(self) -> bool:
        """True if it multiplies bfloat16 in hardware."""
        return bool({"avx512_bf16", "amx_bf16"} & set(self.flags))


def machine(*, side: int) -> Machine:
    """Look at this machine; `side` is that of the matrices it multiplies."""
    return Machine(
        processor=_cpuinfo("model name") or platform.processor() or platform.machine(),
        cores=os.cpu_count() or 1,
        threads=torch.get_num_threads(),
        flags=tuple(flag for flag in FLAGS if flag in _cpuinfo("flags").split()),
        torch=str(torch.__version__),
        matmul_gflops={
            str(dtype).removeprefix("torch."): round(_gflops(side, dtype), 1)
            for dtype in (torch.float32, torch.bfloat16)
        },
        load=round(os.getloadavg()[0], 2),
    )


def _gflops(side: int, dtype: torch.dtype) -> float:
    a, b = torch.rand(2, side, side).to(dtype)
    return 2 * side**3 / median_seconds(lambda: a @ b, rounds=5) / 1e9


def _cpuinfo(key: str) -> str:
    file = Path("/proc/cpuinfo")
    for line in file.read_text().splitlines() if file.exists() else ():
        name, _, value = line.partition(":")
        if name.strip() == key:
            return value.strip()
    return ""
