"""Unfinished shards: what an interrupted extraction has of one, kept for the next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
from msgspec.structs import replace
from safetensors import SafetensorError

from askattend.errors import ImageError
from askattend.features.decoding import DecodedImage
from askattend.features.image_places import PackedReader, Place, read_image
from askattend.features.images import Size, open_image
from askattend.features.levels import StoredLevels, levels_layout
from askattend.features.spec import FeatureSpec
from askattend.features.storage import digest_of_tensors
from askattend.features.store_files import METADATA, open_tensors
from askattend.features.store_index import Shard, WrittenShard
from askattend.files import decode_json, digest, remove, write_whole
from askattend.files.tensors import tensor_pieces

UNFINISHED = ".shard-*.unfinished"


@dataclass(frozen=True)
class UnfinishedShard:
    """The first images of a shard.

    Attributes:
        stored: features of a whole shard; those of its other images are zero.
        written: the shard, with what became of its first images.
    """

    stored: StoredLevels
    written: WrittenShard

    @property
    def done(self) -> int:
        """How many of its images there are."""
        return len(self.written.sizes)

    def save(self, folder: Path) -> None:
        """Write it beside the finished shards of a store."""
        tensors = self.stored.tensors()
        written = replace(self.written, content=digest_of_tensors(tensors))
        metadata = {METADATA: msgspec.json.encode(written).decode()}
        write_whole(_file(folder, written.shard), tensor_pieces(tensors, metadata))


@dataclass
class Seen:
    """The images of a shard so far."""

    sizes: list[Size]
    file_sizes: list[int]
    digests: list[str]
    broken: dict[str, str]

    @classmethod
    def of(cls, written: WrittenShard) -> Seen:
        """Go on from what a shard tells."""
        sizes, digests = list(written.sizes), list(written.digests)
        return cls(sizes, list(written.file_sizes), digests, dict(written.broken))

    def add(self, batch: Sequence[DecodedImage]) -> None:
        """Note a batch."""
        self.sizes += [picture.size for picture in batch]
        self.file_sizes += [picture.file_size for picture in batch]
        self.digests += [picture.digest for picture in batch]
        self.broken |= {p.image: p.reason for p in batch if p.pixels is None}

    def first(self, shard: Shard, count: int) -> WrittenShard:
        """Describe the shard as far as its first images go."""
        names = set(shard.images[:count])
        broken = {image: reason for image, reason in self.broken.items() if image in names}
        return WrittenShard(
            shard,
            tuple(self.sizes[:count]),
            tuple(self.file_sizes[:count]),
            tuple(self.digests[:count]),
            broken,
        )


def done_of(begun: UnfinishedShard | None) -> int:
    """Count the images that there are of a shard; 0 where nothing was kept."""
    return 0 if begun is None else begun.done


def read_unfinished(
    folder: Path, spec: FeatureSpec, shard: Shard, images: Mapping[str, Place]
) -> UnfinishedShard | None:
    """Read what there is of a planned shard.

    None where there is nothing, it was planned otherwise, or a file of an image is not the one that
    it was.
    """
    layout = levels_layout(len(shard.images), spec.grids, spec.dtype)
    try:
        with open_tensors(_file(folder, shard)) as opened:
            metadata = (opened.metadata() or {}).get(METADATA, "")
            written = decode_json(metadata, WrittenShard)
            tensors = {name: opened.get_tensor(name) for name in layout}
    except (SafetensorError, OSError, msgspec.MsgspecError):
        return None
    shapes = {name: (tuple(tensor.shape), tensor.dtype) for name, tensor in tensors.items()}
    if written.shard != shard or shapes != layout or not _same(images, written):
        return None
    if written.content != digest_of_tensors(tensors):  # damaged: as good as none
        return None
    # A copy, since the rest is to be filled in.
    copies = {name: tensor.clone() for name, tensor in tensors.items()}
    return UnfinishedShard(StoredLevels.from_tensors(copies, spec.grids, spec.dtype), written)


def count_kept(folder: Path) -> int:
    """Count the images whose features a store holds, finished or not."""
    count = 0
    for pattern in ("shard-*.safetensors", UNFINISHED):
        for file in folder.glob(pattern):
            try:
                with open_tensors(file) as opened:
                    metadata = (opened.metadata() or {}).get(METADATA, "")
                written = decode_json(metadata, WrittenShard)
            except (SafetensorError, OSError, msgspec.MsgspecError):
                continue
            count += len(written.sizes) - len(written.broken)
    return count


def remove_unfinished(folder: Path, shard: Shard) -> None:
    """Remove what was kept of a shard that is whole now."""
    remove(_file(folder, shard))


def _file(folder: Path, shard: Shard) -> Path:
    return folder / f".{Path(shard.name).stem}.unfinished"


def _same(images: Mapping[str, Place], written: WrittenShard) -> bool:
    done = zip(written.shard.images, written.digests, strict=False)
    with PackedReader() as packed:
        return all(_digest_of(i, images[i], packed) == expected for i, expected in done)


def _digest_of(image: str, place: Place, packed: PackedReader) -> str:
    """Compute the digest of an image's file; "" for a broken one, as while it was decoded."""
    content = packed.read(place)
    try:
        content = read_image(place, image) if content is None else content
        open_image(content, name=place.called(image))
    except ImageError:
        return ""
    return digest(content)
