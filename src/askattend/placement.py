"""Where features lie while a network trains on a GPU: in its memory if they fit, else streamed."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import fields

import torch
from jaxtyping import Float
from rich.console import Console
from torch import Tensor

from askattend.batches import Batch, Batches, RegionSource
from askattend.devices import Precision, moved, pick_precision

# Of a GPU's memory, the share that features leave to weights, activations and the like.
RESERVED = 0.15
# Images fetched at once into a GPU's memory.
CHUNK = 64
# Steps that the processor may be ahead of the GPU; each has its batch in the memory of both.
AHEAD = 3
GIBIBYTE = 2**30


class Resident:
    """Features in the memory of a device: a batch of them is gathered there.

    Args:
        regions: on the device.
        ids: whose, row by row.
    """

    def __init__(
        self, regions: Float[Tensor, "images regions region_dim"], ids: Sequence[str]
    ) -> None:
        self._regions, self._row = regions, {image: row for row, image in enumerate(ids)}

    @classmethod
    def of(
        cls, source: RegionSource, ids: Sequence[str], device: torch.device, dtype: torch.dtype
    ) -> Resident:
        """Fetch the features of some images from where they are."""
        shape = source.read(ids[:1]).shape[1:]
        regions = torch.empty(len(ids), *shape, dtype=dtype, device=device)
        for start in range(0, len(ids), CHUNK):
            part = moved(source.read(ids[start : start + CHUNK]), device)
            regions[start : start + len(part)] = part
        return cls(regions, ids)

    def read(self, image_ids: Sequence[str]) -> Float[Tensor, "images regions region_dim"]:
        """The features of some images, on the device."""
        rows = torch.tensor([self._row[image] for image in image_ids], dtype=torch.int64)
        return self._regions.index_select(0, moved(rows, self._regions.device))


def near(batches: Batches, device: torch.device, precision: Precision, console: Console) -> Batches:
    """The same batches with features in the memory of a GPU, if all of them fit.

    They keep the type in which they are stored, but float32 becomes what products are computed in.
    """
    if device.type != "cuda":
        return batches
    ids = batches.images
    sample = batches.source.read(ids[:1])
    dtype = kept_type(sample.dtype, pick_precision(precision, device))
    needed = len(ids) * sample.numel() * dtype.itemsize
    free, total = torch.cuda.mem_get_info(device)
    resident = fits(needed, free=free, total=total)
    console.print(
        f"{len(ids):,} images' features ({needed / GIBIBYTE:.1f} GiB): "
        + ("read into the GPU's memory" if resident else "streamed to the GPU"),
        highlight=False,
    )
    return batches.reading(Resident.of(batches.source, ids, device, dtype)) if resident else batches


def kept_type(stored: torch.dtype, products: torch.dtype) -> torch.dtype:
    """The type of features in a GPU's memory."""
    return products if stored.itemsize > products.itemsize else stored


def fits(needed: int, *, free: int, total: int) -> bool:
    """Whether so many bytes leave a GPU enough to work with."""
    return free - needed >= RESERVED * total


def onto(device: torch.device, batches: Iterator[Batch]) -> Iterator[Batch]:
    """Batches on a device. A GPU copies one while it computes with the one before."""
    if device.type != "cuda":
        yield from (batch.to(device) for batch in batches)
        return
    copying, computed = torch.cuda.Stream(device), deque[torch.cuda.Event]()
    for batch in batches:
        if len(computed) == AHEAD:  # wait for a step long given out: the GPU has others to do
            computed.popleft().synchronize()
        with torch.cuda.stream(copying):
            there = batch.to(device)
        computing = torch.cuda.current_stream(device)
        computing.wait_stream(copying)
        for field in fields(there):  # its memory is not to serve a later copy before its step
            getattr(there, field.name).record_stream(computing)
        yield there
        computed.append(computing.record_event())
