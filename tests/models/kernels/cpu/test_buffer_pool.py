"""Memory that is used again, but never while a tensor still needs it."""

from __future__ import annotations

import sys
import threading
from typing import Any

import torch

from askattend.models import SAAA
from askattend.models.kernels.cpu.buffer_pool import (
    LARGE,
    LINE,
    POOL,
    TOO_LARGE,
    Pool,
    cast_copy,
    empty_from_pool,
)

CPU = torch.device("cpu")


def test_a_block_serves_again_once_no_tensor_uses_it() -> None:
    pool = Pool(most=4)
    first = pool.take(100)
    place = first.data_ptr()
    assert place % LINE == 0
    part = first.view(torch.float32)[3:]
    del first
    second = pool.take(100)
    assert second.data_ptr() != place  # a part of the first is in use
    del part
    assert pool.take(90).data_ptr() == place
    assert pool.take(40).data_ptr() != place  # too small for so much
    assert pool.take(300).data_ptr() != place


def test_what_autograd_keeps_is_not_given_away() -> None:
    pool = Pool(most=4)
    kept = pool.take(400).view(torch.float32).fill_(3.0)
    weight = torch.ones(100, requires_grad=True)
    loss = (weight * kept).sum()
    del kept
    pool.take(400).view(torch.float32).fill_(7.0)
    loss.backward()
    assert weight.grad is not None
    assert torch.equal(weight.grad, torch.full((100,), 3.0))


def test_a_block_let_go_stays_its_tensors() -> None:
    pool = Pool(most=1)
    first = pool.take(64).fill_(1)
    second = pool.take(64).fill_(2)
    pool.take(64).fill_(3)
    assert (first == 1).all()
    assert (second == 2).all()


def test_threads_share_no_block() -> None:
    together, pool = threading.Barrier(4), Pool(most=8)
    rounds: list[list[int]] = [[] for _ in range(300)]

    def use() -> None:
        for places in rounds:
            together.wait()
            mine = pool.take(4096)
            places.append(mine.data_ptr())
            together.wait()  # all hold theirs until here
            del mine

    switching = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    threads = [threading.Thread(target=use) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sys.setswitchinterval(switching)
    assert all(len(set(places)) == 4 for places in rounds)


def test_idle_blocks_are_let_go_where_none_fits() -> None:
    pool = Pool(most=4)
    held = pool.take(100)
    first, second = pool.take(100), pool.take(100)
    assert len(pool._blocks) == 3
    del first, second
    larger = pool.take(1000)
    assert len(pool._blocks) == 2  # that which is held, and the larger one
    del held, larger


def test_vmap_looks_at_images() -> None:
    network = SAAA(words=9, answers=3, region_dim=40).eval()
    regions = torch.rand(3, 2, 9, 40).half()
    with torch.no_grad():
        found: Any = torch.func.vmap(lambda x: network.encode_image(x).projected[0])(regions)
        expected = network.encode_image(regions.flatten(0, 1)).projected[0]
    torch.testing.assert_close(found.flatten(0, 1), expected)


def test_only_large_tensors_are_from_the_pool() -> None:
    before = list(POOL._blocks)
    small, huge = LARGE // 4 - 1, TOO_LARGE // 4 + 1
    assert empty_from_pool((small,), torch.float32, CPU).shape == (small,)
    assert empty_from_pool((huge,), torch.float32, CPU).shape == (huge,)
    assert empty_from_pool((huge,), torch.float32, torch.device("meta")).is_meta
    assert list(POOL._blocks) == before
    half = torch.arange(LARGE // 2).view(2, -1).half()
    copy = cast_copy(half, torch.float32)
    assert copy.data_ptr() in [block.ctypes.data for block, _ in POOL._blocks]
    assert torch.equal(copy, half.float())
    assert cast_copy(half, torch.bfloat16).dtype == torch.bfloat16


def test_a_conversion_passes_its_gradient_on() -> None:
    x = torch.rand(LARGE // 4, dtype=torch.float64, requires_grad=True)
    cast_copy(x, torch.float32).sum().backward()
    assert x.grad is not None
    assert (x.grad == 1).all()
