"""The files of a feature store: its index, its plan while it is being made, and its shards.

``index.json`` says what made the features, which image lies where and how large it was;
``shard-00000.safetensors`` and so on each hold a tensor ``regions``, slots × regions × region_dim;
where those are 8-bit codes, also ``ranges``, slots × regions × 2 (see `storage.quantise`). While a
store is being made, ``plan.json`` says which images each shard will hold.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated

import msgspec

from askattend.features.images import Size
from askattend.features.spec import FeatureSpec

VERSION = 3
# A stranger's index must name no file elsewhere.
_NAME = r"^shard-[0-9]{5,12}\.safetensors$"
INDEX, PLAN = "index.json", "plan.json"
# All that a store's manifest lists: the index tells the digests of its shards.
STORE_FILES = (INDEX, PLAN)


class Shard(msgspec.Struct, frozen=True):
    """Images that a shard holds, a slot each, and how they are computed.

    Attributes:
        name: of its file.
        batch_size: images that are computed together.
        images: ids.
        threads: that compute them, on which the last bit of a feature depends; 0 where none did,
            as of imported features, or it is not known.
    """

    name: Annotated[str, msgspec.Meta(pattern=_NAME)]
    batch_size: int
    images: tuple[str, ...]
    threads: int = 0


class WrittenShard(msgspec.Struct, frozen=True):
    """A shard that was written, and what became of its images.

    Attributes:
        shard: as planned.
        sizes: width and height of each upright original in pixels; 0, 0 for a broken one, whose
            slot is all zeros, and for an imported one.
        file_sizes: bytes of each original file; 0 for a broken and for an imported one.
        digests: `image_files.digest` of each original file, which tells when it has been replaced;
            ``""`` for a broken and for an imported one.
        broken: image id → why it could not be read.
        content: `storage.digest_of_tensors` of its features; ``""`` in a store of an earlier
            version, whose damage goes unnoticed.
    """

    shard: Shard
    sizes: tuple[Size, ...]
    file_sizes: tuple[int, ...]
    digests: tuple[str, ...]
    broken: dict[str, str]
    content: str = ""

    def require_whole(self) -> None:
        """Refuse a shard that does not tell of every image; raises ValueError."""
        images = len(self.shard.images)
        for name in ("sizes", "file_sizes", "digests"):
            if (found := len(getattr(self, name))) != images:
                raise ValueError(f"{self.shard.name}: {found:,} {name}, not {images:,}")


class Plan(msgspec.Struct, frozen=True):
    """Contents of a store that is being made."""

    spec: FeatureSpec
    shards: tuple[Shard, ...]
    version: int = VERSION


class Index(msgspec.Struct, frozen=True):
    """Contents of a finished store."""

    spec: FeatureSpec
    shards: tuple[WrittenShard, ...]
    version: int = VERSION

    def __post_init__(self) -> None:
        for written in self.shards:
            written.require_whole()

    def broken(self) -> dict[str, str]:
        """Map the images that no shard could read → why; a mended one is in a later shard."""
        broken: dict[str, str] = {}
        for written in self.shards:
            for image in written.shard.images:
                broken.pop(image, None)
            broken.update(written.broken)
        return broken


def divide(
    images: Sequence[str],
    *,
    batch_size: int,
    shard_images: int,
    threads: int = 0,
    first: int = 0,
) -> tuple[Shard, ...]:
    """Divide images among shards.

    Args:
        images: ids.
        batch_size: images that are computed together.
        shard_images: images a shard, but for the last.
        threads: that compute them; 0 where none does.
        first: number of the first shard.
    """
    starts = range(0, len(images), shard_images)
    parts = (tuple(images[at : at + shard_images]) for at in starts)
    return tuple(
        Shard(f"shard-{number:05d}.safetensors", batch_size, part, threads)
        for number, part in enumerate(parts, first)
    )


def find_slots(shards: Iterable[WrittenShard]) -> dict[str, tuple[int, int]]:
    """Map image id → number of its shard, and its slot there; broken images have none.

    An image that was mended or replaced has a slot in a later shard, which counts.
    """
    found: dict[str, tuple[int, int]] = {}
    for number, written in enumerate(shards):
        for slot, image in enumerate(written.shard.images):
            if image in written.broken:
                # It was there, and then its file was damaged: the features are of an older one.
                found.pop(image, None)
            else:
                found[image] = (number, slot)
    return found
