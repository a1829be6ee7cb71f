"""Images decoded in processes, ahead of the network that will look at them."""

from __future__ import annotations

import gzip
import multiprocessing
import os
import signal
import threading
import zlib
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
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import fsspec
import numpy as np
from rich.console import Console

from askattend.bulk.items import NO_CONTENT, Item, read_place
from askattend.bulk.sources import is_address, unreachable
from askattend.environment.console import print_line
from askattend.errors import AskAttendError, ImageError
from askattend.features.geometry import square
from askattend.features.image_bytes import read_image_file
from askattend.features.images import Size, open_image
from askattend.features.spec import FeatureSpec
from askattend.files import open_plain
from askattend.files.limits import FILE, MEBIBYTE

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
    try:
        content = read_item(item) if content is None else content
        opened = open_image(content, name=item.image)
    except ImageError as error:
        return Picture(None, reason=error.problem)
    # Not a tensor: PyTorch would send it by a file of its own, of which there may be too few.
    return Picture(square(opened, spec).numpy(), opened.size)


def read_item(item: Item) -> bytes:
    """Read the bytes of an image that is not packed.

    Raises:
        ImageError: it is not there, or not whole.
        DataError: an address does not answer.
    """
    place = read_place(item.place)
    if item.size == NO_CONTENT:
        problem = (
            "a link or a file with holes, which is not read (tar --hard-dereference stores it)"
        )
        raise ImageError(problem, where=item.image)
    if _is_too_large(item):
        problem = f"larger than {FILE.value():,} MiB"
        raise ImageError(problem, where=item.image, remedy=FILE.how_to_raise())
    try:
        if is_address(place):
            content = _fetch(place, item)
        elif item.start is None:
            return read_image_file(Path(place))
        else:
            with open_plain(place) as opened:
                opened.seek(item.start)
                content = opened.read(item.size)
    except FileNotFoundError:
        raise ImageError("no such file", where=place) from None
    except OSError as error:
        raise unreachable(place, error) from error
    if item.start is not None and len(content) < item.size:
        raise ImageError("the file that holds it ends before it does", where=place)
    return content


def _is_too_large(item: Item) -> bool:
    """Return True for a member that says that it is larger than any file may be."""
    return item.size > FILE.value() * MEBIBYTE


def _fetch(place: str, item: Item) -> bytes:
    try:
        system, path = fsspec.core.url_to_fs(place)
        end = None if item.start is None else item.start + item.size
        return bytes(system.cat_file(path, start=item.start, end=end))
    except FileNotFoundError:
        raise
    except Exception as error:  # each file system has errors of its own
        raise unreachable(place, error) from error


class PackedReader:
    """Reads members of packed tar files, forwards in one: going back means from its beginning."""

    def __init__(self) -> None:
        self._place = ""
        self._raw: IO[bytes] | None = None
        self._stream: gzip.GzipFile | None = None

    def read(self, item: Item) -> bytes | None:
        """Return the bytes of an image in a packed file; None for others, and what is not read.

        Raises:
            DataError: the file cannot be read.
        """
        if not item.packed or item.size == NO_CONTENT or _is_too_large(item):
            return None
        if self._place != item.place or self._stream is None:
            self.close()
            try:
                self._raw = fsspec.open(read_place(item.place), "rb").open()
            except Exception as error:
                raise unreachable(item.place, error) from error
            self._place, self._stream = item.place, gzip.GzipFile(fileobj=self._raw)
        stream = self._stream
        try:
            stream.seek(item.start or 0)
            return stream.read(item.size)
        except (OSError, EOFError, zlib.error) as error:
            raise unreachable(item.place, error) from error

    def close(self) -> None:
        """Close what is open; the next member opens its file anew."""
        if self._raw is not None:
            self._raw.close()
        self._raw = self._stream = None


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
                yield decode_item(item, self._spec, self._packed.read(item))
            return
        waiting: deque[Future[Picture]] = deque()
        try:
            for item in items:
                content = self._packed.read(item)
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
