"""The disk below a feature store: space, one writer at a time, and shards written whole."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from filelock import FileLock, Timeout
from msgspec.structs import replace
from rich.console import Console
from rich.filesize import decimal

from askattend.environment.console import print_line
from askattend.errors import FeatureError
from askattend.features.levels import StoredLevels
from askattend.features.storage import ShardFeatures, digest_of_tensors
from askattend.features.store_files import METADATA
from askattend.features.store_index import WrittenShard
from askattend.files import make_folder, sweep, write_whole
from askattend.files.tensors import tensor_pieces


def save_shard(
    folder: Path, features: ShardFeatures | StoredLevels, written: WrittenShard
) -> WrittenShard:
    """Write a shard of a store, whole or not at all.

    Returns:
        what is written of it, with the digest of its features.

    Raises:
        OSError: the disk does not take it.
    """
    tensors = features.tensors()
    written = replace(written, content=digest_of_tensors(tensors))
    metadata = {METADATA: msgspec.json.encode(written).decode()}
    write_whole(folder / written.shard.name, tensor_pieces(tensors, metadata), swept=True)
    return written


def need_space(folder: Path, needed: int) -> int:
    """Return the bytes that are free where a store is to be.

    Raises:
        FeatureError: they are fewer than `needed`.
    """
    # Before hours of computing, and not after.
    free = shutil.disk_usage(_existing(folder)).free
    if needed > free:
        raise FeatureError(
            f"the features take {decimal(needed)}, but only {decimal(free)} are free",
            where=folder,
            remedy="Choose a folder on another disk, a smaller image_size, or int8.",
        )
    return free


def not_writable(folder: Path, error: Exception) -> FeatureError:
    """Make the error for a store, or a file of it, that the disk does not take."""
    reason = getattr(error, "strerror", None) or str(error)
    where = getattr(error, "filename", None) or folder
    remedy = "Check that the folder may be written to and that the disk is not full."
    return FeatureError(f"cannot be written ({reason})", where=where, remedy=remedy)


@contextmanager
def disk_errors(folder: Path) -> Iterator[None]:
    """Turn the errors of writing a store into `not_writable`."""
    try:
        yield
    except OSError as error:
        raise not_writable(folder, error) from error


def _existing(folder: Path) -> Path:
    """Return the folder, or the nearest above it that exists."""
    return next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())


def lock_file(store: Path) -> Path:
    """Return the file that a store's writer locks: beside it, so that it holds features alone."""
    return store.absolute().with_name(f".{store.absolute().name}.lock")


@contextmanager
def sole_writer(store: Path, console: Console) -> Iterator[None]:
    """Wait until no other process writes to the store."""
    file = lock_file(store)
    lock = FileLock(file)
    try:
        make_folder(file.parent)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            print_line(console, f"{store} is being written by another process; waiting for it.")
            lock.acquire()
    except OSError as error:
        raise not_writable(store, error) from error
    try:
        sweep(file.parent, store.absolute().name)
        yield
    finally:
        lock.release()
