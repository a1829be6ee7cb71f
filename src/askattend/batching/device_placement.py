"""Where features lie while a network trains on a GPU: in its memory if they fit, else streamed."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import fields

import torch
from jaxtyping import Float, Shaped
from rich.console import Console
from torch import Tensor

from askattend.batching.batches import Batch, Batches, RegionSource
from askattend.devices import Precision, moved, pick_precision
from askattend.features.storage import dequantise
from askattend.features.store import FeatureStore

GIBIBYTE = 2**30
# Of a GPU's memory, what features leave to weights, activations and the like: a share, and at least
# so many bytes.
RESERVED_SHARE, RESERVED_BYTES = 0.15, 6 * GIBIBYTE
# Images fetched at once into a GPU's memory.
CHUNK = 64
# Steps that the processor may be ahead of the GPU; each has its batch in the memory of both.
AHEAD = 3


class Resident:
    """Features in the memory of a device: a batch of them is gathered there.

    Args:
        regions: on the device; codes, where `ranges` are given.
        ids: whose, row by row.
        ranges: of 8-bit features.
    """

    def __init__(
        self,
        regions: Shaped[Tensor, "images regions region_dim"],
        ids: Sequence[str],
        ranges: Float[Tensor, "images regions 2"] | None = None,
    ) -> None:
        self._regions, self._ranges = regions, ranges
        self._row = {image: row for row, image in enumerate(ids)}

    @classmethod
    def of(
        cls, source: RegionSource, ids: Sequence[str], device: torch.device, dtype: torch.dtype
    ) -> Resident:
        """Fetch the features of some images from where they are, 8-bit ones as codes.

        Args:
            source: where that is.
            ids: whose.
            device: where to.
            dtype: in which type those are kept that are not codes.
        """
        kept = [
            torch.empty(len(ids), *part.shape[1:], dtype=part.dtype, device=device)
            for part in _stored(source, ids[:1], dtype)
        ]
        for start in range(0, len(ids), CHUNK):
            for whole, part in zip(
                kept, _stored(source, ids[start : start + CHUNK], dtype), strict=True
            ):
                whole[start : start + len(part)] = moved(part, device)
        return cls(kept[0], ids, *kept[1:])

    def read(self, image_ids: Sequence[str]) -> Float[Tensor, "images regions region_dim"]:
        """The features of some images, on the device."""
        rows = torch.tensor([self._row[image] for image in image_ids], dtype=torch.int64)
        rows = moved(rows, self._regions.device)
        regions = self._regions.index_select(0, rows)
        if self._ranges is None:
            return regions
        return dequantise(regions, self._ranges.index_select(0, rows)).half()


def _stored(source: RegionSource, ids: Sequence[str], dtype: torch.dtype) -> tuple[Tensor, ...]:
    """Features as a device is to keep them: codes and ranges, or one tensor of `dtype`."""
    if isinstance(source, FeatureStore) and source.spec.dtype == "int8":
        return source.read_codes(ids)
    return (source.read(ids).to(dtype),)


def near(batches: Batches, device: torch.device, precision: Precision, console: Console) -> Batches:
    """The same batches with features in the memory of a GPU, if all of them fit.

    They keep the type in which they are stored, but float32 becomes what products are computed in.
    """
    if device.type != "cuda":
        return batches
    ids = batches.images
    dtype = kept_type(batches.source.read(ids[:1]).dtype, pick_precision(precision, device))
    needed = len(ids) * sum(part.nbytes for part in _stored(batches.source, ids[:1], dtype))
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
    return free - needed >= reserved(total)


def reserved(total: int) -> float:
    """What features leave free of so many bytes of memory."""
    return max(RESERVED_SHARE * total, RESERVED_BYTES)


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
