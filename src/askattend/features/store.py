"""A folder of region features, read straight from memory-mapped shards.

Layout: ``index.json`` says what made the features, which image lies where and how large it was;
``shard-00000.safetensors`` and so on each hold a tensor ``regions``, slots × regions × region_dim;
where those are 8-bit codes, also ``ranges``, slots × regions × 2 (see `kept.quantise`). While a
store is being made, ``plan.json`` says which images each shard will hold.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

import msgspec
import torch
from jaxtyping import Float
from safetensors import SafetensorError, safe_open
from torch import Tensor

from askattend.errors import FeatureError
from askattend.features.geometry import Box, seen
from askattend.features.images import Size
from askattend.features.spec import FeatureSpec
from askattend.features.storage import Kept, Shape, layout, room

VERSION = 2
INDEX, PLAN = "index.json", "plan.json"
METADATA = "askattend"
AGAIN = "Run the same extraction again: it goes on where it stopped."

T = TypeVar("T", bound="Plan | Index")


class Shard(msgspec.Struct, frozen=True):
    """Which images a shard holds, a slot each, and in what batches they are computed."""

    name: str
    batch_size: int
    images: tuple[str, ...]


class Written(msgspec.Struct, frozen=True):
    """What became of a shard's images.

    Attributes:
        shard: as planned.
        sizes: width and height of each upright original in pixels; 0, 0 for a broken one, whose
            slot is all zeros, and for an imported one.
        file_sizes: bytes of each original file, which tell when it has been replaced; 0 for an
            imported one.
        broken: image id → why it could not be read.
    """

    shard: Shard
    sizes: tuple[Size, ...]
    file_sizes: tuple[int, ...]
    broken: dict[str, str]


class Plan(msgspec.Struct, frozen=True):
    """What a store will hold."""

    spec: FeatureSpec
    shards: tuple[Shard, ...]
    version: int = VERSION


class Index(msgspec.Struct, frozen=True):
    """What a finished store holds."""

    spec: FeatureSpec
    shards: tuple[Written, ...]
    version: int = VERSION

    def broken(self) -> dict[str, str]:
        """Images that no shard could read; an image mended later has a slot in a later shard."""
        broken: dict[str, str] = {}
        for written in self.shards:
            for image in written.shard.images:
                broken.pop(image, None)
            broken.update(written.broken)
        return broken


def slots(shards: Iterable[Written]) -> dict[str, tuple[int, int]]:
    """Image id → number of its shard, and its slot there; broken images have none.

    An image that was mended or replaced has a slot in a later shard, which counts.
    """
    found: dict[str, tuple[int, int]] = {}
    for number, written in enumerate(shards):
        for slot, image in enumerate(written.shard.images):
            if image in written.broken:
                found.pop(image, None)
            else:
                found[image] = (number, slot)
    return found


class FeatureStore:
    """Features of images, by image id; read-only.

    Can be pickled, and used in processes forked or spawned from this one. Make it with
    `FeatureStore.open`.

    Attributes:
        path: the folder.
        spec: what made the features.
        ids: images with features, in the order of extraction.
        broken: images that could not be read → why.
    """

    def __init__(self, path: Path, index: Index) -> None:
        self.path, self.spec = path, index.spec
        self.broken: Mapping[str, str] = MappingProxyType(index.broken())
        self._shards = index.shards
        self._mapped: dict[int, Kept] = {}
        self._slots = slots(index.shards)
        self.ids = tuple(self._slots)

    @classmethod
    def open(cls, path: str | Path) -> FeatureStore:
        """Open a finished store; its shards are mapped when first read.

        Raises:
            FeatureError: there is no store, it is unfinished, or a file of it is missing or
                damaged.
        """
        path = Path(path)
        index = read_json(path / INDEX, Index)
        if index is None:
            unfinished = (path / PLAN).exists()
            raise FeatureError(
                "the extraction into this store was not finished"
                if unfinished
                else "no feature store",
                where=path,
                remedy=AGAIN if unfinished else "Make one with: askattend extract",
            )
        for written in index.shards:
            if not (path / written.shard.name).is_file():
                raise FeatureError(
                    "a shard is missing", where=path / written.shard.name, remedy=AGAIN
                )
        return cls(path, index)

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return FeatureStore.open, (self.path.resolve(),)

    def __len__(self) -> int:
        return len(self._slots)

    def __contains__(self, image_id: object) -> bool:
        return image_id in self._slots

    def read(self, image_ids: Sequence[str]) -> Float[Tensor, "images regions region_dim"]:
        """Features of some images, in the order asked for, in the store's dtype; 8-bit ones
        in float16.

        Raises:
            FeatureError: an image is broken or not in the store, or a shard is damaged.
        """
        spec = self.spec
        places = [self._place(image) for image in image_ids]
        features = room((len(places), spec.regions, spec.region_dim), spec.dtype)
        for row, (number, slot) in zip(features, places, strict=True):
            self._shard(number).read_into(slot, row)
        return torch.from_numpy(features)

    def read_codes(self, image_ids: Sequence[str]) -> tuple[Tensor, Tensor]:
        """8-bit features as they are kept, for `askattend.features.storage.dequantise`.

        Only of a store in int8 (``spec.dtype``).

        Returns:
            codes, images × regions × region_dim, and ranges, images × regions × 2.

        Raises:
            FeatureError: as `read`.
        """
        assert self.spec.dtype == "int8"
        codes, ranges = [], []
        for number, slot in [self._place(image) for image in image_ids]:
            shard = self._shard(number)
            assert shard.ranges is not None
            codes.append(shard.regions[slot])
            ranges.append(shard.ranges[slot])
        return torch.stack(codes), torch.stack(ranges)

    def size(self, image_id: str) -> Size:
        """Width and height of an upright original in pixels; 0, 0 if its features were imported.

        Raises:
            FeatureError: the image is broken or not in the store.
        """
        number, slot = self._place(image_id)
        return self._shards[number].sizes[slot]

    def seen(self, image_id: str) -> Box | None:
        """The part of an image that attention maps lie over; None if its shape is not known.

        Raises:
            FeatureError: the image is broken or not in the store.
        """
        size = self.size(image_id)
        # What is squashed is seen whole, whatever its shape.
        return seen(size, self.spec) if all(size) or self.spec.geometry == "squash" else None

    def _place(self, image: str) -> tuple[int, int]:
        place = self._slots.get(image)
        if place is not None:
            return place
        if image in self.broken:
            problem = f"image '{image}' could not be read: {self.broken[image]}"
            remedy = "Mend the file and run the same extraction again."
        else:
            problem = f"no features of image '{image}' among its {len(self):,}"
            remedy = "Extract this image too, into the same store."
        raise FeatureError(problem, where=self.path, remedy=remedy)

    def _shard(self, number: int) -> Kept:
        mapped = self._mapped.get(number)
        if mapped is None:
            mapped = self._mapped[number] = self._map(self._shards[number])
        return mapped

    def _map(self, written: Written) -> Kept:
        file, dtype = self.path / written.shard.name, self.spec.dtype
        expected = layout(shard_shape(self.spec, written.shard), dtype)
        try:
            # Tensors are views of the mapped file: bytes are read when they are looked at.
            with safe_open(file, "pt") as opened:
                tensors: dict[str, Tensor] = {name: opened.get_tensor(name) for name in expected}
        except (SafetensorError, OSError) as error:
            raise _damaged(file, str(error)) from error
        for name, tensor in tensors.items():
            if (tensor.shape, tensor.dtype) != expected[name]:
                raise _damaged(
                    file, f"its {name} are {tensor.dtype} of shape {tuple(tensor.shape)}"
                )
        return Kept.of(tensors, dtype)


def shard_shape(spec: FeatureSpec, shard: Shard) -> Shape:
    """Slots × regions × region_dim."""
    return (len(shard.images), spec.regions, spec.region_dim)


def read_written(folder: Path, spec: FeatureSpec, shard: Shard) -> Written | None:
    """What became of a shard's images; None if it is not there whole, as planned."""
    expected = layout(shard_shape(spec, shard), spec.dtype)
    try:
        with safe_open(folder / shard.name, "pt") as opened:
            metadata = (opened.metadata() or {}).get(METADATA, "")
            shapes = {name: tuple(opened.get_slice(name).get_shape()) for name in expected}
        written = msgspec.json.decode(metadata, type=Written)
    except (SafetensorError, OSError, msgspec.MsgspecError):
        return None
    whole = all(shapes[name] == shape for name, (shape, _) in expected.items())
    return written if written.shard == shard and whole else None


def read_json(file: Path, kind: type[T]) -> T | None:
    """A store's plan or index; None if there is none.

    Raises:
        FeatureError: it is damaged, or of another version.
    """
    try:
        content = file.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        version = msgspec.json.decode(content, type=dict[str, msgspec.Raw]).get("version")
        if version is not None and (found := int(bytes(version))) != VERSION:
            newer = found > VERSION
            raise FeatureError(
                f"the store is of {'a newer' if newer else 'an older'} format "
                f"({found}, not {VERSION})",
                where=file,
                remedy="Upgrade askattend: pip install --upgrade askattend"
                if newer
                else "Delete the store and extract it again.",
            )
        return msgspec.json.decode(content, type=kind)
    except (msgspec.MsgspecError, ValueError) as error:
        raise _damaged(file, str(error)) from error


def _damaged(file: Path, reason: str) -> FeatureError:
    return FeatureError(
        f"damaged ({reason.rstrip('.')})",
        where=file,
        remedy="Delete this file and run the same extraction again."
        if file.suffix == ".safetensors"
        else "Delete the store and extract it again.",
    )
