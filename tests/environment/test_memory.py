"""What keeps memory from growing with the hours."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from askattend.environment.memory import bound_kernel_cache, give_back_memory

VARIABLE = "ONEDNN_PRIMITIVE_CACHE_CAPACITY"


def test_kernels_are_few_unless_somebody_says_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    bound_kernel_cache()
    assert os.environ[VARIABLE] == "64"
    monkeypatch.setenv(VARIABLE, "7")
    bound_kernel_cache()
    assert os.environ[VARIABLE] == "7"


def test_freed_blocks_are_given_back() -> None:
    def resident() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1])

    if not Path("/proc/self/statm").exists():
        pytest.skip("no /proc here")
    # Small blocks between which a few remain: without a word, the C library keeps the pages.
    blocks = [bytes(2000) for _ in range(60_000)]
    kept = blocks[::600]
    taken = resident()
    del blocks
    give_back_memory()
    assert len(kept) == 100
    assert resident() < taken - 20_000 * 2000 // os.sysconf("SC_PAGE_SIZE")
