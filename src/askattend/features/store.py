"""A folder of region features, read straight from its shards."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import torch
from jaxtyping import Float
from torch import Tensor

from askattend.errors import FeatureError, name_few
from askattend.features.geometry import Crop, crop_of
from askattend.features.image_files import ImageFiles
from askattend.features.image_places import Place
from askattend.features.images import Size
from askattend.features.levels import levels_layout, scaled_places
from askattend.features.shards import OpenedShard
from askattend.features.storage import empty_features
from askattend.features.store_files import read_description
from askattend.features.store_index import INDEX, PLAN, Index, find_slots
from askattend.files.manifest import warn_without_manifest

# Shards that are compared at once with their digests.
COMPARED_TOGETHER = 4
AGAIN = "Run the same extraction again: it goes on where it stopped."


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
        self._opened: dict[int, OpenedShard] = {}
        self._slots = find_slots(index.shards)
        self.ids = tuple(self._slots)

    @classmethod
    def open(cls, path: str | Path) -> FeatureStore:
        """Open a finished store; its shards are opened when first read.

        Raises:
            FeatureError: there is no store, it is unfinished, or a file of it is missing or
                damaged.
        """
        path = Path(path)
        index = read_description(path / INDEX, Index)
        if index is None:
            unfinished = (path / PLAN).exists()
            problem = "the extraction into this store was not finished"
            raise FeatureError(
                problem if unfinished else "no feature store",
                where=path,
                remedy=AGAIN if unfinished else "Make one with: askattend extract",
            )
        for written in index.shards:
            if not (path / written.shard.name).is_file():
                raise FeatureError(
                    "a shard is missing", where=path / written.shard.name, remedy=AGAIN
                )
        warn_without_manifest(path, "store")
        return cls(path, index)

    # Mapped memory cannot be pickled: another process opens the store for itself.
    def __reduce__(self) -> tuple[object, tuple[Path, bool]]:
        return _reopen, (self.path.resolve(), self.spec.coordinates)

    def with_coordinates(self) -> FeatureStore:
        """Return the same store, with each region's place appended when it is read."""
        other = copy(self)
        other.spec = replace(self.spec, coordinates=True)
        return other

    def __len__(self) -> int:
        return len(self._slots)

    def __contains__(self, image_id: object) -> bool:
        return image_id in self._slots

    def read(self, image_ids: Sequence[str]) -> Float[Tensor, "images regions input_dim"]:
        """Read the features of some images, in their order, in the store's dtype.

        8-bit features are read as float16.

        Raises:
            FeatureError: an image is broken or not in the store, or a shard is damaged.
        """
        slots = [self._slot(image) for image in image_ids]
        spec = self.spec
        features = empty_features((len(slots), spec.regions, spec.input_dim), spec.dtype)
        # Straight into the result: no image is copied twice.
        for row, (number, slot) in zip(features, slots, strict=True):
            stored, at = self._shard(number).holding(slot)
            stored.read_into(at, row[:, : spec.region_dim])
        regions = torch.from_numpy(features)
        if spec.coordinates:
            places = scaled_places(spec.rows, spec.columns, regions.device)
            for image in regions:  # one by one, while each is in the processor's cache
                stored, appended = image.split([spec.region_dim, 2], dim=-1)
                appended.copy_(stored.float().norm(dim=-1, keepdim=True) * places)
        return regions

    def read_stored(self, image_ids: Sequence[str]) -> dict[str, Tensor]:
        """Read features as they are stored, for `StoredLevels.from_tensors`: neither joined nor
        decoded.

        Returns:
            the tensors of a shard that holds these images, by name.

        Raises:
            FeatureError: as `read`.
        """
        slots = [self._slot(image) for image in image_ids]
        held = [self._shard(number).holding(slot) for number, slot in slots]
        images = [(stored.tensors(), at) for stored, at in held]
        return {
            name: torch.stack([tensors[name][at] for tensors, at in images])
            for name in levels_layout(1, self.spec.grids, self.spec.dtype)
        }

    def outdated(
        self, images: Mapping[str, Path], note: Callable[[str], None] | None = None
    ) -> list[str]:
        """List the images whose file holds something else than when its features were made.

        Imported features, and files that are gone, cannot be compared and are left out.

        Args:
            images: id → file.
            note: called with what somebody should know of the comparison.
        """
        if self.spec.imported:
            return []
        files = ImageFiles(self.path)
        places = {image: Place.of(file) for image, file in images.items()}
        current = files.current(places, self._shards)
        if (problem := files.save()) is not None and note is not None:
            note(problem)
        return [image for image in images if image in self and image not in current]

    def size(self, image_id: str) -> Size:
        """Return an upright original's width and height in pixels; 0, 0 for imported features.

        Raises:
            FeatureError: the image is broken or not in the store.
        """
        number, slot = self._slot(image_id)
        return self._shards[number].sizes[slot]

    def crop(self, image_id: str) -> Crop | None:
        """Return the part of an image that attention maps lie over; None if its shape is unknown.

        Raises:
            FeatureError: the image is broken or not in the store.
        """
        size = self.size(image_id)
        # All of a squashed image is used, whatever its shape.
        return crop_of(size, self.spec) if all(size) or self.spec.geometry == "squash" else None

    def _slot(self, image: str) -> tuple[int, int]:
        found = self._slots.get(image)
        if found is not None:
            return found
        if image in self.broken:
            problem = f"image '{image}' could not be read: {self.broken[image]}"
            remedy = "Mend the file and run the same extraction again."
        else:
            problem = f"no features of image '{image}' among its {len(self):,}"
            remedy = "Extract this image too, into the same store."
        raise FeatureError(problem, where=self.path, remedy=remedy)

    def _shard(self, number: int) -> OpenedShard:
        opened = self._opened.get(number)
        # Opened when first read, since a store may have thousands of shards.
        if opened is None:
            written = self._shards[number]
            opened = OpenedShard(self.path / written.shard.name, written, self.spec)
            self._opened[number] = opened
        return opened


def damaged_shards(path: Path) -> Iterator[tuple[int, FeatureError | str | None]]:
    """Compare every shard of a finished store with its index.

    Yields:
        how many were compared, and what is wrong with them; a text where they cannot be compared.

    Raises:
        FeatureError: the index is damaged.
    """
    index = read_description(path / INDEX, Index)
    assert index is not None, "the store is finished"

    def compare(number: int) -> FeatureError | None:
        try:
            written = index.shards[number]
            OpenedShard(path / written.shard.name, written, index.spec)
        except FeatureError as error:
            return error
        return None

    # Hashing holds up no other thread.
    with ThreadPoolExecutor(COMPARED_TOGETHER, thread_name_prefix="compare") as pool:
        yield from ((1, error) for error in pool.map(compare, range(len(index.shards))))
    if older := sum(not written.content for written in index.shards):
        problem = f"{path}: {older:,} shards are of an earlier version, without a digest"
        yield -older, f"{problem}; only their images were compared"
    listed = {written.shard.name for written in index.shards}
    if more := sorted(file.name for file in path.glob("shard-*") if file.name not in listed):
        yield 0, f"{path}: {name_few(more)} are not in the index, and not read"


def _reopen(path: Path, coordinates: bool) -> FeatureStore:
    """Open a store in another process, as it was read in this one."""
    store = FeatureStore.open(path)
    return store.with_coordinates() if coordinates else store
