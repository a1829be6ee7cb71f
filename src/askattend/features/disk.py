"""The disk below a feature store: space, one writer at a time, and shards written whole."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from filelock import FileLock, Timeout
from rich.console import Console
from rich.filesize import decimal
from safetensors import SafetensorError
from safetensors.torch import save_file

from askattend.environment.terminal import print_line
from askattend.errors import FeatureError
from askattend.features.levels import StoredLevels
from askattend.features.storage import ShardFeatures
from askattend.features.store_files import METADATA
from askattend.features.store_index import PLAN, WrittenShard


def save_shard(folder: Path, features: ShardFeatures | StoredLevels, written: WrittenShard) -> None:
    """Write a shard, whole or not at all, into a store that has its plan.

    Raises:
        FeatureError: the disk does not take it.
    """
    file = folder / written.shard.name
    # Renamed when it is complete, so that a shard under its own name is a whole one.
    unfinished = file.with_name(f".{file.name}.part")
    # One key only: safetensors writes several in no fixed order.
    metadata = {METADATA: msgspec.json.encode(written).decode()}
    with disk_errors(folder):
        save_file(features.tensors(), unfinished, metadata=metadata)
        # Open to whom the user's other files are; safetensors makes its own private.
        shutil.copymode(folder / PLAN, unfinished)
        with unfinished.open("rb+") as opened:
            os.fsync(opened.fileno())
        os.replace(unfinished, file)


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
    """Make the error for a store that the disk does not take."""
    reason = getattr(error, "strerror", None) or str(error)
    remedy = "Check that the folder may be written to and that the disk is not full."
    return FeatureError(f"cannot be written ({reason})", where=folder, remedy=remedy)


@contextmanager
def disk_errors(folder: Path) -> Iterator[None]:
    """Turn the errors of writing a store into `not_writable`."""
    try:
        yield
    except (OSError, SafetensorError) as error:
        raise not_writable(folder, error) from error


def _existing(folder: Path) -> Path:
    """Return the folder, or the nearest above it that exists."""
    return next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())


@contextmanager
def sole_writer(store: Path, console: Console) -> Iterator[None]:
    """Wait until no other process writes to the store."""
    # Beside the store, which ends up with nothing in it but features.
    file = store.absolute().with_name(f".{store.absolute().name}.lock")
    lock = FileLock(file)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            print_line(console, f"{store} is being written by another process; waiting for it.")
            lock.acquire()
    except OSError as error:
        raise not_writable(store, error) from error
    try:
        yield
    finally:
        lock.release()
