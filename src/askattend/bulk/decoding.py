"""Images decoded in processes, ahead of the network that will look at them."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import (
    BrokenExecutor,
    Executor,
    Future,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
)
from contextlib import AbstractContextManager
from dataclasses import dataclass
from multiprocessing.connection import wait
from types import TracebackType
from typing import Any

import numpy as np
from rich.console import Console

from askattend.bulk.items import Item
from askattend.environment.console import print_line
from askattend.errors import AskAttendError, ImageError
from askattend.features.geometry import square
from askattend.features.image_places import PackedReader, read_image
from askattend.features.images import Size, open_image
from askattend.features.spec import FeatureSpec

Pixels = np.ndarray[Any, np.dtype[np.uint8]]


@dataclass(frozen=True)
class Picture:
    """An image as pixels, 3 × size × size; a broken one has a reason in their place.

    Attributes:
        size: width and height of the upright original; 1, 1 of a broken one.
    """

    pixels: Pixels | None
    size: Size = (1, 1)
    reason: str = ""


def decode_item(item: Item, spec: FeatureSpec, content: bytes | None = None) -> Picture:
    """Read an image and make it a square; one that is broken keeps the reason.

    Args:
        item: the image.
        spec: how it becomes a square.
        content: its bytes, where they are read already.

    Raises:
        DataError: an address does not answer, which says nothing of the image.
    """
    assert item.place is not None, "it is to be looked at"
    try:
        content = read_image(item.place, item.image) if content is None else content
        opened = open_image(content, name=item.image)
    except ImageError as error:
        return Picture(None, reason=error.problem)
    # Not a tensor: PyTorch would send it by a file of its own, of which there may be too few.
    return Picture(square(opened, spec).numpy(), opened.size)


class Decoders(AbstractContextManager["Decoders"]):
    """Processes that decode, or threads where processes are not permitted.

    Args:
        spec: how images become squares.
        workers: how many; with 0, an image is decoded when it is asked for.
        ahead: images decoded beyond what was taken, at most.
        console: where a note goes.
        processes: False for threads.
    """

    def __init__(
        self,
        spec: FeatureSpec,
        *,
        workers: int,
        ahead: int,
        console: Console,
        processes: bool = True,
    ) -> None:
        self._spec, self._ahead, self._packed = spec, ahead, PackedReader()
        self._pool = _pool(workers, console, processes=processes) if workers else None

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._packed.close()
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def pictures(self, items: Iterable[Item]) -> Iterator[Picture]:
        """Decode images in order.

        Raises:
            AskAttendError: a process was killed, or an address does not answer.
        """
        if self._pool is None:
            for item in items:
                yield decode_item(item, self._spec, self._packed_content(item))
            return
        waiting: deque[Future[Picture]] = deque()
        try:
            for item in items:
                content = self._packed_content(item)
                waiting.append(self._pool.submit(decode_item, item, self._spec, content))
                if len(waiting) > self._ahead:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        except BrokenExecutor as error:
            raise AskAttendError(
                "a process that decodes images was killed, perhaps for want of memory",
                remedy="Run the same again: it goes on; with fewer --workers it needs less memory.",
            ) from error
        finally:
            for future in waiting:
                future.cancel()

    def _packed_content(self, item: Item) -> bytes | None:
        return None if item.place is None else self._packed.read(item.place)


def _pool(workers: int, console: Console, *, processes: bool) -> Executor:
    if processes:
        try:
            # Not forked: PyTorch's threads do not survive that.
            context = multiprocessing.get_context("spawn")
            return ProcessPoolExecutor(workers, mp_context=context, initializer=_begin)
        except (OSError, ImportError) as error:  # no shared semaphores here
            print_line(console, f"note: images are decoded in threads, not processes ({error})")
    return ThreadPoolExecutor(workers, thread_name_prefix="decode")


def _begin() -> None:
    """Let Ctrl-C be the parent's alone, and end with it, however it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _end_with(sentinel: int) -> None:
    # Each process holds the queue open for the others: killed, the parent would not be missed.
    wait([sentinel])
    os._exit(1)
