"""Pictures side by side: each thread has its own, and nobody waits for another."""

from __future__ import annotations

import threading

import pytest
import torch
from torch import Tensor

from askattend.devices import computing_threads
from askattend.features.side_by_side import side_by_side


class Noted:
    """Doubles pictures, and notes how many came, in which modes and on how many threads.

    Args:
        together: calls that must be at work at the same time.
    """

    def __init__(self, together: int = 1) -> None:
        self.barrier = threading.Barrier(together, timeout=30)
        self.calls: list[tuple[int, int, bool, bool]] = []
        self.threads: set[int] = set()

    def __call__(self, pixels: Tensor) -> tuple[Tensor, ...]:
        modes = torch.is_inference_mode_enabled(), torch.is_grad_enabled()
        self.calls.append((len(pixels), torch.get_num_threads(), *modes))
        self.threads.add(threading.get_ident())
        self.barrier.wait()
        return pixels * 2, pixels[:, :1] + 1


@pytest.mark.parametrize("inference", [True, False])
@pytest.mark.parametrize("threads", [2, 3])
def test_every_thread_has_pictures_of_its_own(threads: int, inference: bool) -> None:
    pixels, network = torch.randn(5, 3, 4, 4), Noted(threads)
    with computing_threads(threads), torch.inference_mode(inference), torch.no_grad():
        doubled, first = side_by_side(network, pixels)
        assert torch.get_num_threads() == threads
    assert torch.equal(doubled, pixels * 2)
    assert torch.equal(first, pixels[:, :1] + 1)
    assert sum(images for images, *_ in network.calls) == 5
    assert all(call[1:] == (1, inference, False) for call in network.calls)
    assert len(network.threads) == len(network.calls) == threads


def test_a_single_picture_and_a_gradient_have_all_threads() -> None:
    with computing_threads(2):
        for images, grad in ((1, False), (4, True)):
            network = Noted()
            with torch.set_grad_enabled(grad):
                side_by_side(network, torch.randn(images, 3, 4, 4))
            assert network.calls == [(images, 2, False, grad)]


def test_an_error_in_a_thread_is_raised_here() -> None:
    def fails(pixels: Tensor) -> tuple[Tensor, ...]:
        if len(pixels) == 1:  # the last thread's
            raise ValueError("broken")
        return (pixels,)

    with computing_threads(2), torch.no_grad():
        with pytest.raises(ValueError, match="broken"):
            side_by_side(fails, torch.randn(3, 3, 4, 4))
        assert torch.get_num_threads() == 2


def test_calls_at_once_take_turns() -> None:
    """Or the threads of one would begin while the other has set their number back."""

    def call() -> None:
        assert torch.get_num_threads() == 2  # of this thread, which has it from now on
        begun.wait()
        with torch.no_grad():
            side_by_side(network, torch.randn(2, 3, 4, 4))

    network, begun = Noted(2), threading.Barrier(4, timeout=30)
    with computing_threads(2):
        callers = [threading.Thread(target=call) for _ in range(4)]
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join()
        assert torch.get_num_threads() == 2
    assert [call[:2] for call in network.calls] == [(1, 1)] * 8
