"""Pictures divided among a processor's threads, so that each computes its own by itself."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Lock

import torch
from jaxtyping import Float
from torch import Tensor

from askattend.devices import computing_threads

# New threads begin with the process's number, which another call would set back meanwhile.
_ALONE = Lock()
Maps = Callable[[Tensor], tuple[Tensor, ...]]


def side_by_side(
    network: Maps, pixels: Float[Tensor, "images 3 size size"]
) -> tuple[Float[Tensor, "images _ _ _"], ...]:
    """Apply a frozen network to pictures, as many at a time as there are threads.

    PyTorch divides each operation among its threads, which wait for one another after each: on a
    busy processor most of the time. Threads with pictures of their own wait once, at the end.

    Args:
        network: pictures to maps, each picture by itself.
        pixels: on a GPU, or where a gradient is asked for, all go through it together.
    """
    threads = min(torch.get_num_threads(), len(pixels))
    if threads < 2 or pixels.device.type != "cpu" or torch.is_grad_enabled():
        return network(pixels)
    own, *others = pixels.tensor_split(threads)
    frozen = partial(_without_gradient, network, inference=torch.is_inference_mode_enabled())
    # New threads begin with the number of threads that is set now.
    with (
        _ALONE,
        computing_threads(1),
        ThreadPoolExecutor(threads - 1, "pictures") as pool,
    ):
        elsewhere = [pool.submit(frozen, part) for part in others]
        parts = [network(own), *(each.result() for each in elsewhere)]
    return tuple(torch.cat(grids) for grids in zip(*parts, strict=True))


def _without_gradient(network: Maps, pixels: Tensor, *, inference: bool) -> tuple[Tensor, ...]:
    """Apply the network as whoever started this thread would, whose modes are its own."""
    with torch.inference_mode(inference), torch.no_grad():
        return network(pixels)
