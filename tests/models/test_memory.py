"""Memory that is used again, but never while a tensor still needs it."""

from __future__ import annotations

import threading

import torch

from askattend.models.memory import LARGE, LINE, POOL, TOO_LARGE, Pool, converted, room

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
    pool, wrong = Pool(most=4), []

    def use(number: int) -> None:
        for _ in range(200):
            mine = pool.take(4096).fill_(number)
            if not (mine == number).all():
                wrong.append(number)

    threads = [threading.Thread(target=use, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_only_large_tensors_are_from_the_pool() -> None:
    before = len(POOL._blocks)
    small, huge = LARGE // 4 - 1, TOO_LARGE // 4 + 1
    assert room((small,), torch.float32, CPU).shape == (small,)
    assert room((huge,), torch.float32, CPU).shape == (huge,)
    assert room((huge,), torch.float32, torch.device("meta")).is_meta
    assert len(POOL._blocks) == before
    half = torch.arange(LARGE // 2).view(2, -1).half()
    copy = converted(half, torch.float32)
    assert len(POOL._blocks) == min(before + 1, 4)
    assert torch.equal(copy, half.float())
    assert converted(half, torch.bfloat16).dtype == torch.bfloat16


def test_a_conversion_passes_its_gradient_on() -> None:
    x = torch.rand(LARGE // 4, dtype=torch.float64, requires_grad=True)
    converted(x, torch.float32).sum().backward()
    assert x.grad is not None
    assert (x.grad == 1).all()
