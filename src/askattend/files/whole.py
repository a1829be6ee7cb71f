"""Files and folders that appear whole or not at all, whatever ends the process that writes them.

All that the package writes goes through here, step by step by `system_calls`. A process that is
killed, or a disk that is full, leaves under a name what was there before, or what was to be there.
"""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from askattend.files import system_calls
from askattend.files.unfinished import create_held, make_held, name_beside, sweep

# What is written in one go; larger pieces are not copied first.
_BUFFER = 2**20
# The content of a file, or the pieces that it consists of.
Content = bytes | Sequence[bytes | memoryview]


def write_whole(file: Path, content: Content, *, durable: bool = True, swept: bool = False) -> None:
    """Write a file that no manifest lists; else see `atomic_write`. See `whole_file`."""
    with whole_file(file, durable=durable, swept=swept) as opened:
        for piece in [content] if isinstance(content, bytes) else content:
            opened.write(piece)


@contextmanager
def whole_file(file: Path, *, durable: bool = True, swept: bool = False) -> Iterator[BinaryIO]:
    """Open a file for writing, which appears under its name when the block ends without an error.

    Args:
        file: its folder must be there.
        durable: False for one of many that can be made again: its name may be lost with the power.
        swept: True for one of many in a folder that was swept before: a look at all of them for
            each would take ever longer.

    Raises:
        OSError: the disk does not take it, or a pipe or a device has its name; names the file,
            which is as it was before.
    """
    _refuse_special(file)
    if durable and not swept:
        sweep(file.parent, file.name)
    unfinished = name_beside(file)
    with naming(file):
        raw = _Stepwise(create_held(unfinished), file)
    opened = io.BufferedWriter(raw, _BUFFER)
    try:
        yield opened
        opened.flush()
        with naming(file):
            # Its name must not reach the disk before its content does.
            system_calls.flush(raw.fileno())
            if os.name == "nt":
                opened.close()
            system_calls.rename(unfinished, file)
    except BaseException:
        raw.abandoned = True
        opened.close()
        with suppress(OSError):
            system_calls.remove(unfinished)
        raise
    opened.close()
    if durable:
        with naming(file):
            system_calls.flush_folder(file.parent)


@contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """Make a folder to be filled, which takes its name when the block ends without an error.

    Args:
        folder: must not exist, or be empty.

    Raises:
        OSError: the disk does not take it; names the folder.
    """
    folder = folder.absolute()
    make_folder(folder.parent)
    with scratch_folder(folder) as unfinished:
        yield unfinished
        with naming(folder):
            system_calls.flush_folder(unfinished)
            if os.name == "nt" and folder.is_dir():
                system_calls.remove_empty(folder)
            system_calls.rename(unfinished, folder)
            system_calls.flush_folder(folder.parent)


@contextmanager
def scratch_folder(folder: Path) -> Iterator[Path]:
    """Make a folder for the length of a block, of a hidden name beside that of `folder`.

    Raises:
        OSError: the disk does not take it; names `folder`, or what is in it by its name there.
    """
    sweep(folder.parent, folder.name)
    unfinished = name_beside(folder)
    with naming(folder):
        handle = make_held(unfinished)
    try:
        yield unfinished
    except OSError as error:
        # The name of what was to be says more to whoever reads it.
        if error.filename is not None:
            error.filename = str(error.filename).replace(str(unfinished), str(folder), 1)
        raise
    finally:
        remove_tree(unfinished)
        if handle is not None:
            os.close(handle)


def append(file: Path, content: bytes) -> None:
    """Add to a file's end all of `content` or, where the disk does not take it, nothing.

    Raises:
        OSError: the disk does not take it; names the file.
    """
    with naming(file):
        handle = system_calls.open_end(file)
        try:
            before = os.fstat(handle).st_size
            try:
                left = memoryview(content)
                while left:
                    left = left[system_calls.write(handle, left) :]
                system_calls.flush(handle)
            except BaseException:
                with suppress(OSError):
                    system_calls.truncate(handle, before)
                raise
        finally:
            os.close(handle)


def make_folder(folder: Path) -> None:
    """Make a folder, and those above it, unless they are there.

    Raises:
        OSError: it cannot be made, or a file has its name.
    """
    missing = []
    above = folder
    while not above.is_dir() and above != above.parent:
        missing.append(above)
        above = above.parent
        if above.exists() and not above.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(folder))
    for each in reversed(missing):
        with naming(each):
            try:
                system_calls.make_folder(each)
            except FileExistsError:
                if not each.is_dir():  # else another process was quicker
                    raise
            system_calls.flush_folder(each.parent)


def remove_file(file: Path) -> None:
    """Remove a file, if it is there."""
    with suppress(FileNotFoundError), naming(file):
        system_calls.remove(file)


def remove_empty(folder: Path) -> None:
    """Remove a folder, unless it holds something or is not there."""
    with suppress(OSError):
        system_calls.remove_empty(folder)


def remove_tree(folder: Path) -> None:
    """Remove a folder with all that it holds, as far as can be."""
    with suppress(OSError):
        system_calls.remove_tree(folder)


def remove_whole(folder: Path) -> None:
    """Remove a folder that under its own name is whole or gone, whatever cuts that off.

    Raises:
        OSError: it cannot be removed; names it.
    """
    # What is left of it is swept as what killed writers leave.
    leaving = name_beside(folder)
    with naming(folder):
        system_calls.rename(folder, leaving)
    remove_tree(leaving)


def _refuse_special(file: Path) -> None:
    """Refuse to put a file in the place of a pipe or a device: it would be gone for everybody."""
    if file.exists() and not (file.is_file() or file.is_dir()):  # of a folder the system says more
        raise OSError(errno.EINVAL, "a pipe or a device, not a file; name another", str(file))


@contextmanager
def naming(file: Path) -> Iterator[None]:
    """Let errors of the disk name the file that was to be written, which most of them do not."""
    try:
        yield
    except OSError as error:
        if error.errno is None:
            raise
        raise OSError(error.errno, os.strerror(error.errno), str(file)) from error


class _Stepwise(io.FileIO):
    """A file's bytes, each step of writing which is a call of its own.

    Attributes:
        abandoned: True once what is still to be written is not to be.
    """

    def __init__(self, handle: int, file: Path) -> None:
        super().__init__(handle, "wb")
        self._file, self.abandoned = file, False

    def write(self, data: Any, /) -> int:
        """Write as many bytes as the disk takes at once."""
        if self.abandoned:
            return len(data)
        with naming(self._file):
            return system_calls.write(self.fileno(), memoryview(data))
