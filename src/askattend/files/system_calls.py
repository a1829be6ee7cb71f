"""System calls that change a disk, a function each; nothing else of the package calls them.

A test replaces one of them to end a process after any step of a write, or to let a call fail.
"""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows, where nobody can remove or rename a file that is open
    fcntl = None  # type: ignore[assignment]

_BINARY = getattr(os, "O_BINARY", 0)


def create(file: Path) -> int:
    """Make a file that must not be there; return its handle."""
    return os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL | _BINARY, 0o666)


def open_end(file: Path) -> int:
    """Open a file, which need not be there, to add to its end; return its handle."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | _BINARY
    # Not blocking: opening a pipe would wait for somebody to read from it.
    return os.open(file, flags | getattr(os, "O_NONBLOCK", 0), 0o666)


def write(handle: int, data: memoryview) -> int:
    """Write bytes, or as many of them as the disk takes at once; return how many."""
    return os.write(handle, data)


def truncate(handle: int, size: int) -> None:
    """Cut a file to so many bytes."""
    os.ftruncate(handle, size)


def flush(handle: int) -> None:
    """Bring a file's content to the disk."""
    os.fsync(handle)


def rename(old: Path, new: Path) -> None:
    """Give a file or folder a name, in the place of a file or an empty folder of that name."""
    os.replace(old, new)


def flush_folder(folder: Path) -> None:
    """Bring new names in a folder to the disk, where a folder can be flushed."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except PermissionError:  # Windows opens no folder; elsewhere it is one that may not be read
        return
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # a disk that knows no such thing
            raise
    finally:
        os.close(handle)


def make_folder(folder: Path) -> None:
    """Make a folder in one that is there."""
    os.mkdir(folder)


def remove(file: Path) -> None:
    """Remove a file."""
    os.unlink(file)


def remove_empty(folder: Path) -> None:
    """Remove a folder that holds nothing."""
    os.rmdir(folder)


def remove_tree(folder: Path) -> None:
    """Remove a folder with all that it holds, as far as can be."""
    shutil.rmtree(folder, ignore_errors=True)


def hold(handle: int, *, wait: bool) -> bool:
    """Take the lock of an open file until it is closed; return False where another has it.

    Raises:
        OSError: there are no locks on this disk.
    """
    if fcntl is None:
        return True
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    return True
