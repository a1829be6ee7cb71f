"""Regions of a shard's images, batch by batch: computed by the backbone, or read from a store."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from askattend.bulk.decoding import Decoders, Picture
from askattend.bulk.items import Item
from askattend.features.geometry import shown_regions
from askattend.features.none import NoFeatures
from askattend.features.spec import NONE, Backbone
from askattend.features.store import FeatureStore
from askattend.runs.predictor import Predictor


@dataclass(frozen=True)
class Looked:
    """A batch of images that have been looked at.

    Attributes:
        items: the images.
        regions: of each; of a broken one, of black or zero, so that the others do not depend on it.
        reasons: why an image is broken; ``""`` of a whole one.
    """

    items: Sequence[Item]
    regions: Float[Tensor, "images regions region_dim"]
    reasons: Sequence[str]


@runtime_checkable
class RegionReader(Protocol):
    """Anything that looks at images."""

    def batches(self, items: Sequence[Item], size: int) -> Iterator[Looked]:
        """Look at images in order, `size` at a time."""
        ...


def _batches(items: Sequence[Item], size: int) -> Iterator[Sequence[Item]]:
    return (items[at : at + size] for at in range(0, len(items), size))


@dataclass(frozen=True)
class BackboneRegions:
    """Computes regions of pictures that are decoded ahead."""

    backbone: Backbone
    decoders: Decoders

    def batches(self, items: Sequence[Item], size: int) -> Iterator[Looked]:
        """Decode and look.

        Raises:
            AskAttendError: see `Decoders.pictures`.
        """
        pictures = self.decoders.pictures(items)
        for batch in _batches(items, size):
            decoded = [next(pictures) for _ in batch]
            regions = compute_regions(self.backbone, decoded)
            reasons = [picture.reason for picture in decoded]
            finite = torch.isfinite(regions).flatten(1).all(dim=1).tolist()
            for row, whole in enumerate(finite):
                if not whole:
                    regions[row] = 0
                    reasons[row] = reasons[row] or "its features are not finite"
            yield Looked(batch, regions, reasons)


@torch.inference_mode()
def compute_regions(
    backbone: Backbone, pictures: Sequence[Picture]
) -> Float[Tensor, "images regions input_dim"]:
    """Compute the regions of pictures, black in the place of broken ones."""
    spec = backbone.spec
    black = torch.zeros(3, spec.image_size, spec.image_size, dtype=torch.uint8)
    pixels = [black if p.pixels is None else torch.from_numpy(p.pixels) for p in pictures]
    shown = [shown_regions(picture.size, spec) for picture in pictures]
    masks = [each for each in shown if each is not None]
    return backbone.regions(torch.stack(pixels), torch.stack(masks) if masks else None)


@dataclass(frozen=True)
class StoredRegions:
    """Reads regions that were extracted before."""

    store: FeatureStore

    def batches(self, items: Sequence[Item], size: int) -> Iterator[Looked]:
        """Read.

        Raises:
            FeatureError: a shard of the store is damaged, or an image is not in it.
        """
        spec, broken = self.store.spec, self.store.broken
        for batch in _batches(items, size):
            reasons = [broken.get(item.image, "") for item in batch]
            whole = [item.image for item, reason in zip(batch, reasons, strict=True) if not reason]
            read = iter(self.store.read(whole))
            zero = torch.zeros(spec.regions, spec.input_dim, dtype=torch.float16)
            rows = [zero if reason else next(read) for reason in reasons]
            yield Looked(batch, torch.stack([row.to(rows[0].dtype) for row in rows]), reasons)


@dataclass(frozen=True)
class NoRegions:
    """Looks at nothing, for a network that uses no image."""

    def batches(self, items: Sequence[Item], size: int) -> Iterator[Looked]:
        """Make a zero for each image."""
        for batch in _batches(items, size):
            read = NoFeatures().read([item.image for item in batch])
            yield Looked(batch, read, [""] * len(batch))


def needs_pictures(predictor: Predictor, store: FeatureStore | None) -> bool:
    """Return True where images are decoded: neither stored nor unused."""
    return store is None and predictor.run.features.backbone != NONE
