"""The feature file of pytorch-vqa as a feature store."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import msgspec
import numpy as np
import torch
from rich.console import Console
from rich.progress import track

from askattend.environment.console import notes_console
from askattend.errors import FeatureError, name_few
from askattend.features.backbones import check_name
from askattend.features.disk import disk_errors, need_space, save_shard, sole_writer
from askattend.features.spec import FeatureSpec
from askattend.features.storage import Dtype, ShardFeatures
from askattend.features.store import FeatureStore
from askattend.features.store_index import INDEX, PLAN, Index, Plan, WrittenShard, divide
from askattend.files import atomic_write, begin_manifest, limits, remove, whole_folder
from askattend.files.recording import LOCK
from askattend.importing.hdf5_chunks import require_honest_chunks
from askattend.importing.out_folder import require_free
from askattend.importing.preprocessing import original_spec
from askattend.installation import pip_install

FEATURES, IDS = "features", "ids"
CHUNK = 32  # images read at a time
SHARD = 256  # images a file of the store
MEMORY = 2**30  # bytes of a shard at most, all of which is held
FLOATS = ("float16", "float32")
SHAPE = "expected were images × region_dim × rows × columns of float16 or float32"
ORIGIN = "Give a file as pytorch-vqa's preprocess-images.py writes it."


def import_hdf5(
    file: Path,
    out: Path,
    *,
    backbone: str | None = None,
    image_size: int | None = None,
    dtype: Dtype | None = None,
    chunk_images: int = CHUNK,
    shard_images: int = SHARD,
    console: Console | None = None,
) -> FeatureStore:
    """Turn a feature file into a store, a chunk at a time; an image's id is its number as text.

    ``features`` (images × region_dim × rows × columns) and ``ids`` (whole numbers) become regions
    row by row, each value as it is unless they are stored in another type.

    Args:
        file: the HDF5 file.
        out: the store; must not exist, or be an empty folder.
        backbone: what made the features, to be recorded where it is known; e.g.
            ``"hf:microsoft/resnet-152"``.
        image_size: side in pixels of the square that it looked at, likewise.
        dtype: what they are stored in, by default what they are; ``"int8"`` halves float16.
        chunk_images: images read at a time.
        shard_images: images a shard, which is as much as is held in memory.
        console: where the progress bar goes; standard error by default.

    Raises:
        FeatureError: h5py is not installed; the file is missing, no HDF5, or lacks something; an id
            is there twice; a value is not finite in `dtype`; or `out` holds something. Nothing is
            left then.
    """
    backbone = None if backbone is None else check_name(backbone)
    console = notes_console() if console is None else console
    # Opened first: a wrong file is told even where a long import has the store.
    with _opened(file) as content, sole_writer(out, console):
        require_free(out, (INDEX, PLAN), "a feature store", FeatureError)
        with _damage(file):
            features = _features(content, file)
            ids = _ids(content, file, images=len(features))
        spec = _spec(features, backbone=backbone, image_size=image_size, dtype=dtype)
        need_space(out, len(ids) * spec.image_bytes)
        fitting = max(MEMORY // spec.image_bytes, 1)
        shards = divide(
            ids,
            batch_size=min(chunk_images, fitting),
            shard_images=min(shard_images, fitting),
        )
        _write(_Source(file, features), out, Plan(spec, shards), console=console)
    return FeatureStore.open(out)


class _Source:
    """Features of a file, read in order."""

    def __init__(self, file: Path, features: Any) -> None:
        self.file, self._features, self._at = file, features, 0

    def fill(self, stored: ShardFeatures, slots: slice, images: tuple[str, ...]) -> None:
        """Write the next images' features into their slots.

        Raises:
            FeatureError: a value is not finite as it is stored, or the file is damaged.
        """
        with _damage(self.file):
            read = self._features[self._at : self._at + len(images)]
        self._at += len(images)
        block = torch.from_numpy(read.astype(_native(read.dtype), copy=False))
        stored.write(slots, block.flatten(2).transpose(1, 2))
        # As it is read back: float32 values may overflow float16.
        finite = torch.isfinite(stored.read(slots)).flatten(1).all(dim=1)
        if not finite.all():
            image = images[int(finite.int().argmin())]
            raise FeatureError(
                f"the features of image '{image}' are not all finite in {stored.dtype}",
                where=self.file,
                remedy="Extract this image again; float16 and int8 overflow beyond 65504.",
            )


def _write(source: _Source, out: Path, plan: Plan, *, console: Console) -> None:
    """Write the store, whole or not at all."""
    with disk_errors(out), whole_folder(out) as unfinished:
        shards = tuple(_shards(source, unfinished, plan, console=console))
        begin_manifest(unfinished, ())
        atomic_write(unfinished / INDEX, msgspec.json.encode(Index(plan.spec, shards)))
        remove(unfinished / LOCK)


def _shards(
    source: _Source, folder: Path, plan: Plan, *, console: Console
) -> Iterator[WrittenShard]:
    for shard in track(plan.shards, "importing", console=console):
        stored = ShardFeatures.zeros(plan.spec.shape(len(shard.images)), plan.spec.dtype)
        for at in range(0, len(shard.images), shard.batch_size):
            slots = slice(at, at + shard.batch_size)
            source.fill(stored, slots, shard.images[slots])
        count = len(shard.images)
        # Sizes of pictures and files are not recorded there.
        written = WrittenShard(shard, ((0, 0),) * count, (0,) * count, ("",) * count, {})
        yield save_shard(folder, stored, written)


@contextmanager
def _opened(file: Path) -> Iterator[Any]:
    """Open the file for reading."""
    try:
        import h5py
    except ImportError:
        raise FeatureError(
            "an HDF5 file needs h5py, which is not installed", remedy=f"Run: {pip_install('hdf5')}"
        ) from None
    if not file.is_file():
        problem = "a folder, not a file" if file.is_dir() else "no such file"
        raise FeatureError(problem, where=file, remedy="Check the path.")
    try:
        content = h5py.File(file, "r")
    except OSError as error:
        raise _not_hdf5(file, error) from error
    with content:
        yield content


@contextmanager
def _damage(file: Path) -> Iterator[None]:
    """Turn what h5py raises of a damaged file, which may be anything, into one kind of error."""
    try:
        yield
    except FeatureError:
        raise
    except MemoryError:
        remedy = "Free some memory."
        raise FeatureError("does not fit in memory", where=file, remedy=remedy) from None
    except Exception as error:
        raise _not_hdf5(file, error) from error


def _not_hdf5(file: Path, error: Exception) -> FeatureError:
    reason = (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
    return FeatureError(f"not an HDF5 file, or damaged ({reason})", where=file, remedy=ORIGIN)


def _dataset(content: Any, key: str, file: Path) -> Any:
    """Return a data set of the file's own.

    Raises:
        FeatureError: it is missing, a link, a group, kept in other files, in chunks too large, or
            too much comes of it.
    """
    import h5py

    kind = content.get(key, getlink=True)
    if kind is None:
        found = ", ".join(f"'{name}'" for name in content) or "nothing"
        raise FeatureError(f"lacks '{key}'; it holds {found}", where=file, remedy=ORIGIN)
    # A link may lead round in a circle, or to any file that this user may read.
    if not isinstance(kind, h5py.HardLink):
        problem = f"'{key}' is a link, not the data itself"
        raise FeatureError(problem, where=file, remedy=ORIGIN)
    found = content[key]
    if not isinstance(found, h5py.Dataset):
        raise FeatureError(f"'{key}' is a group, not a data set", where=file, remedy=ORIGIN)
    if found.external or found.is_virtual:
        problem = f"'{key}' is kept in other files, which are not read"
        raise FeatureError(problem, where=file, remedy=ORIGIN)
    # A chunk is unpacked as a whole; h5py's own choice of them has less than one MiB.
    chunk = math.prod(found.chunks or ()) * found.dtype.itemsize
    if chunk > limits.FEATURES.value() * limits.MEBIBYTE:
        problem = f"'{key}' is packed in chunks of {chunk / limits.MEBIBYTE:,.0f} MiB"
        raise FeatureError(problem, where=file, remedy=limits.FEATURES.how_to_raise())
    require_honest_chunks(found, key, file)
    return found


def _require_written(dataset: Any, key: str, file: Path) -> None:
    """Refuse a data set of which less was written than is declared: zeros are read in its place."""
    if dataset.chunks is None:
        written = dataset.id.get_storage_size() >= dataset.size * dataset.dtype.itemsize
    else:
        along = [-(-n // of) for n, of in zip(dataset.shape, dataset.chunks, strict=True)]
        written = dataset.id.get_num_chunks() == math.prod(along)
    if not written:
        problem = f"'{key}' is declared larger than what was written of it"
        remedy = "Was its writing interrupted? Write it again."
        raise FeatureError(problem, where=file, remedy=remedy)


def _native(dtype: Any) -> Any:
    """Return the same type in this machine's order of bytes."""
    return dtype.newbyteorder("=")


def _features(content: Any, file: Path) -> Any:
    features = _dataset(content, FEATURES, file)
    if len(features.shape or ()) != 4 or features.dtype.name not in FLOATS:
        problem = f"'{FEATURES}' is of shape {features.shape} and {features.dtype}; {SHAPE}"
        raise FeatureError(problem, where=file, remedy=ORIGIN)
    if 0 in features.shape:
        raise FeatureError(
            f"'{FEATURES}' is empty: of shape {features.shape}", where=file, remedy=ORIGIN
        )
    _require_moderate(features, file)
    _require_written(features, FEATURES, file)
    return features


def _require_moderate(features: Any, file: Path) -> None:
    """Refuse images that are larger than any backbone makes them."""
    image = math.prod(features.shape[1:]) * features.dtype.itemsize
    if image > limits.FEATURES.value() * limits.MEBIBYTE:
        problem = f"'{FEATURES}' has {image / limits.MEBIBYTE:,.0f} MiB an image"
        raise FeatureError(problem, where=file, remedy=limits.FEATURES.how_to_raise())


def _ids(content: Any, file: Path, *, images: int) -> tuple[str, ...]:
    """Read the ids of so many images, each once."""
    ids = _dataset(content, IDS, file)
    if len(ids.shape or ()) != 1 or ids.dtype.kind not in "iu":
        problem = f"'{IDS}' is of shape {ids.shape} and {ids.dtype}; one row of whole numbers was"
        raise FeatureError(f"{problem} expected", where=file, remedy=ORIGIN)
    # Before they are read: a file may declare any number.
    if len(ids) != images:
        problem = f"'{FEATURES}' holds {images:,} images, but '{IDS}' {len(ids):,}"
        raise FeatureError(problem, where=file, remedy=ORIGIN)
    _require_written(ids, IDS, file)
    # An interrupted pytorch-vqa leaves zeros: id 0 many times over.
    numbers, counts = np.unique(ids[()], return_counts=True)
    if len(several := numbers[counts > 1].tolist()):
        raise FeatureError(
            f"{len(several):,} of the numbers in '{IDS}' are there more than once: "
            f"{name_few(several)}",
            where=file,
            remedy="Was its writing interrupted? Write it again.",
        )
    return tuple(str(number) for number in ids[()].tolist())


def _spec(
    features: Any, *, backbone: str | None, image_size: int | None, dtype: Dtype | None
) -> FeatureSpec:
    _, region_dim, rows, columns = features.shape
    return original_spec(
        rows=rows,
        columns=columns,
        region_dim=region_dim,
        backbone=backbone,
        image_size=image_size,
        dtype=dtype or cast(Dtype, features.dtype.name),
    )
