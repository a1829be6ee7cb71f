"""Features on the way to a GPU that trains: in its memory if they fit, else streamed."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import chain
from queue import Empty, Queue
from threading import Event, Thread

import torch
from jaxtyping import Float, Int, Shaped
from rich.console import Console
from torch import Tensor

from askattend.batching.batches import Batch, Batches
from askattend.devices import PrecisionChoice, pick_precision, to_device
from askattend.environment.console import print_line
from askattend.features.source import FeatureSource
from askattend.features.storage import dequantise
from askattend.features.store import FeatureStore

GIBIBYTE = 2**30
# Of a GPU's memory, what features leave to weights, activations and the like: a share, and at least
# so many bytes.
RESERVED_SHARE, RESERVED_BYTES = 0.15, 6 * GIBIBYTE
# Images copied at once into a GPU's memory.
CHUNK = 64
# Steps that the processor may be ahead of the GPU; each has its batch in the memory of both.
PREFETCH = 3
# Batches made ahead whose features are on the GPU: enough to go on while an epoch is shuffled.
SMALL_AHEAD = 48
# Threads that read features which a GPU has no room for.
READERS = 8


class DeviceFeatures:
    """Features in the memory of a device: a batch of them is gathered there, when it is needed.

    Args:
        levels: on the device, the finest first: images × regions × channels; of 8-bit features
            codes and ranges, in turn.
        ids: the image of each row.
        assemble: makes of the levels what a network is given; by default there is one.
    """

    def __init__(
        self,
        levels: Sequence[Shaped[Tensor, "images _ _"]],
        ids: Sequence[str],
        assemble: Callable[[Sequence[Tensor]], Tensor] | None = None,
    ) -> None:
        self._levels, self._assemble = tuple(levels), assemble
        self._row = {image: row for row, image in enumerate(ids)}

    @classmethod
    def copy_of(
        cls, source: FeatureSource, ids: Sequence[str], device: torch.device, dtype: torch.dtype
    ) -> DeviceFeatures:
        """Copy the features of some images to a device, 8-bit ones as codes.

        Args:
            source: where they are.
            ids: the images.
            device: where they are copied to.
            dtype: the type on the device of those that are not codes.
        """
        copied = [
            torch.empty(len(ids), *part.shape[1:], dtype=part.dtype, device=device)
            for part in _as_copied(source, ids[:1], dtype)
        ]
        for start in range(0, len(ids), CHUNK):
            parts = _as_copied(source, ids[start : start + CHUNK], dtype)
            for target, part in zip(copied, parts, strict=True):
                target[start : start + len(part)] = to_device(part, device)
        if isinstance(source, FeatureStore) and not source.spec.read_as_stored:
            return cls(copied, ids, source.spec.assemble)
        return cls(copied, ids)

    @property
    def table(self) -> Shaped[Tensor, "images regions region_dim"] | None:
        """All features; None where they are codes, or levels that are yet to be assembled."""
        whole = self._assemble is None and len(self._levels) == 1
        return self._levels[0] if whole else None

    def rows_of(self, image_ids: Sequence[str]) -> Int[Tensor, " images"]:
        """Return the rows of some images, in the processor's memory."""
        return torch.tensor([self._row[image] for image in image_ids], dtype=torch.int64)

    def read(self, image_ids: Sequence[str]) -> Float[Tensor, "images regions region_dim"]:
        """Gather the features of some images, on the device."""
        rows = to_device(self.rows_of(image_ids), self._levels[0].device)
        levels = [level.index_select(0, rows) for level in self._levels]
        if levels[0].dtype == torch.uint8:
            pairs = zip(levels[::2], levels[1::2], strict=True)
            levels = [dequantise(codes, ranges).half() for codes, ranges in pairs]
        return levels[0] if self._assemble is None else self._assemble(levels)


class PinnedSource:
    """Features read into pinned memory, from where a GPU fetches them, by several threads.

    Args:
        source: where they are.
        workers: threads; each reads some of the images of a batch.
    """

    def __init__(self, source: FeatureSource, workers: int = READERS) -> None:
        self._source, self._workers = source, workers
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="features")
        self._pinned = torch.cuda.is_available()

    def read(self, image_ids: Sequence[str]) -> Float[Tensor, "images regions region_dim"]:
        """Read the features of some images."""
        first = self._source.read(image_ids[:1])
        size = (len(image_ids), *first.shape[1:])
        regions = torch.empty(size, dtype=first.dtype, pin_memory=self._pinned)
        array = regions.numpy()  # which copies in each thread alone

        def read_some(start: int) -> None:
            part = image_ids[start : start + share]
            array[start : start + share] = self._source.read(part).numpy()

        share = max(1, -(-len(image_ids) // self._workers))
        list(self._pool.map(read_some, range(0, len(image_ids), share)))
        return regions


def _as_copied(source: FeatureSource, ids: Sequence[str], dtype: torch.dtype) -> tuple[Tensor, ...]:
    """Read features as a device holds them: codes and ranges, or floats of `dtype`."""
    if not isinstance(source, FeatureStore):
        return (source.read(ids).to(dtype),)
    stored = tuple(source.read_stored(ids).values())
    return stored if source.spec.dtype == "int8" else tuple(level.to(dtype) for level in stored)


def cache_on_gpu_if_it_fits(
    batches: Batches, device: torch.device, precision: PrecisionChoice, console: Console
) -> Batches:
    """Return the same batches, with features in the memory of a GPU if all of them fit there.

    They keep the type in which they are stored, but float32 becomes what products are computed in.
    """
    if device.type != "cuda":
        return batches
    source, ids = batches.source, batches.images
    dtype = dtype_on_gpu(source.read(ids[:1]).dtype, pick_precision(precision, device))
    needed = len(ids) * sum(part.nbytes for part in _as_copied(source, ids[:1], dtype))
    free, total = torch.cuda.mem_get_info(device)
    cached = fits(needed, free=free, total=total)
    print_line(
        console,
        f"{len(ids):,} images' features ({needed / GIBIBYTE:.1f} GiB): "
        + ("read into the GPU's memory" if cached else "streamed to the GPU"),
    )
    if not cached:
        return batches.with_features(PinnedSource(source))
    return batches.with_features(DeviceFeatures.copy_of(source, ids, device, dtype))


def dtype_on_gpu(stored: torch.dtype, products: torch.dtype) -> torch.dtype:
    """Return the type of features in a GPU's memory: the smaller of the two."""
    return products if stored.itemsize > products.itemsize else stored


def fits(needed: int, *, free: int, total: int) -> bool:
    """Return True where so many bytes leave a GPU enough to work with."""
    return free - needed >= reserved(total)


def reserved(total: int) -> float:
    """Return the bytes that features leave free, out of so many bytes of memory."""
    return max(RESERVED_SHARE * total, RESERVED_BYTES)


def prefetch_to_device(
    device: torch.device, batches: Iterator[Batch]
) -> Generator[Batch, None, None]:
    """Yield batches on a device. A GPU copies one while it computes with the one before."""
    if device.type != "cuda":
        yield from (batch.to(device) for batch in batches)
        return
    copying, computed = torch.cuda.Stream(device), deque[torch.cuda.Event]()
    for batch in made_ahead(*_small_ones_further(batches)):
        if len(computed) == PREFETCH:  # wait for a step given out long ago: others are queued
            computed.popleft().synchronize()
        with torch.cuda.stream(copying):
            on_device = batch.to(device)
        computing = torch.cuda.current_stream(device)
        computing.wait_stream(copying)
        for tensor in on_device.tensors().values():  # must not serve a later copy before its step
            tensor.record_stream(computing)
        yield on_device
        computed.append(computing.record_event())


def _small_ones_further(batches: Iterator[Batch]) -> tuple[Iterator[Batch], int]:
    """Return the batches and how many are made ahead: more of them, if they have no features."""
    first = next(batches, None)
    if first is None:
        return iter(()), 1
    return chain([first], batches), PREFETCH if first.rows is None else SMALL_AHEAD


def made_ahead(batches: Iterator[Batch], most: int) -> Generator[Batch, None, None]:
    """Yield batches that a thread makes, so many ahead at most, while the caller starts kernels."""
    made: Queue[Batch | BaseException | None] = Queue(most)
    stopped = Event()

    def make() -> None:
        try:
            for batch in batches:
                made.put(batch)
                if stopped.is_set():
                    return
            made.put(None)
        except BaseException as error:
            made.put(error)

    thread = Thread(target=make, name="batches", daemon=True)
    thread.start()
    try:
        while (item := made.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        stopped.set()
        while thread.is_alive():  # it may wait for room
            with suppress(Empty):
                made.get(timeout=0.01)
        thread.join()
