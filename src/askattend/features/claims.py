"""Claims of a store's shards: whoever holds one is at it, and everybody else leaves it alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import BaseFileLock, FileLock, Timeout
from rich.console import Console

from askattend.environment.console import print_line
from askattend.features.disk import disk_errors
from askattend.features.store_index import Shard
from askattend.files import remove

CLAIMS = ".shard-*.lock"


@contextmanager
def claim(folder: Path, shard: Shard, *, wait: bool = False) -> Iterator[bool]:
    """Be the only one at a shard; yields False where another process is.

    Args:
        folder: the store.
        shard: as planned.
        wait: True to wait until nobody else is.

    Raises:
        FeatureError: the disk does not take the lock.
    """
    file = folder / f".{shard.name}.lock"
    lock = FileLock(file)
    if not _acquired(lock, wait=wait):
        yield False
        return
    try:
        yield True
    finally:
        # Only once it is whole: whoever waits with the file that is gone finds nothing to do.
        if (folder / shard.name).exists():
            remove(file)
        lock.release()


def wait_for_claims(folder: Path, console: Console) -> None:
    """Wait until no process is at a shard of the store, so that another plan may be made."""
    told = False
    for file in sorted(folder.glob(CLAIMS)):
        lock = FileLock(file)
        if not _acquired(lock, wait=False):
            if not told:
                text = f"shards of {folder} are being written by other processes; waiting for them."
                print_line(console, text)
            told = True
            _acquired(lock, wait=True)
        lock.release()


def _acquired(lock: BaseFileLock, *, wait: bool) -> bool:
    """Take a lock; return False where another process has it."""
    folder = Path(lock.lock_file).parent
    with disk_errors(folder):
        try:
            lock.acquire(timeout=-1 if wait else 0)
        except Timeout:  # which is an error of the disk by its class
            return False
    return True
