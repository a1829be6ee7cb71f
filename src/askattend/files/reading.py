"""Reading whole files within limits, whether they are packed or not, and the JSON in them."""

from __future__ import annotations

import errno
import gzip
import os
import stat
import zlib
from collections.abc import Callable
from io import BufferedIOBase, BufferedReader, BytesIO
from pathlib import Path
from typing import Any, TypeVar, overload

import msgspec

from askattend.errors import DataError
from askattend.files.limits import FILE, MEBIBYTE, RATIO

T = TypeVar("T")

_GZIP = b"\x1f\x8b"
_MARK = b"\xef\xbb\xbf"
_FETCH = "Fetch it again."
# So much may come of a gzip file however small it is.
_SMALL = 16 * MEBIBYTE
_TOGETHER = 4 * MEBIBYTE


def open_plain(file: str | Path) -> BufferedReader:
    """Open a file for reading, which must be one on a disk.

    A pipe or a device in its place would be waited for, or read, without end.

    Raises:
        OSError: as opening it does; or it is no plain file.
    """
    # Not blocking: opening a pipe would wait for somebody to write to it.
    handle = os.open(file, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    kind = os.fstat(handle).st_mode
    if stat.S_ISREG(kind):
        return os.fdopen(handle, "rb")
    os.close(handle)
    if stat.S_ISDIR(kind):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(file))
    what = "a pipe" if stat.S_ISFIFO(kind) else "a device"
    raise OSError(errno.EINVAL, f"{what}, not a file; save it as one first", str(file))


def read_whole(file: Path) -> bytes:
    """Read all of a file, which must be one on a disk, and no larger than is allowed.

    Raises:
        OSError: as `open_plain`; or it is larger than `limits.FILE`.
    """
    with open_plain(file) as opened:
        size, most = os.fstat(opened.fileno()).st_size, FILE.value() * MEBIBYTE
        # Once more by what is read: some file systems do not tell a size, and files grow.
        try:
            content = b"" if size > most else _read(opened, most, size)
        except OSError as error:  # a damaged disk, which names nothing
            raise OSError(error.errno, error.strerror, str(file)) from error
        if size > most or len(content) > most:
            how = FILE.how_to_raise().rstrip(".").replace("If", "if")
            problem = f"larger than {FILE.value():,} MiB; {how}"
            raise OSError(errno.EFBIG, problem, str(file))
        return content


def _read(opened: BufferedIOBase, most: int, expected: int = 0) -> bytes:
    """Read all, or one byte more than `most`.

    Not at once: as much memory would be taken as might be read.
    """
    parts = [opened.read(min(expected, most + 1))]
    left = most + 1 - len(parts[0])
    while left and (part := opened.read(min(left, _TOGETHER))):
        parts.append(part)
        left -= len(part)
    return b"".join(parts) if parts[1:] else parts[0]


def read_bytes(file: Path) -> bytes:
    """Read a file, unpacked if it is gzip, without a byte order mark.

    Its first bytes tell what it is, not its name: files are renamed, and unpacked on the way.

    Raises:
        DataError: the file cannot be opened, is no plain file or too large (see `limits`), or its
            gzip is truncated, broken or grows beyond measure.
    """
    try:
        content = read_whole(file)
    except OSError as error:
        problem = f"cannot be read ({error.strerror or error})"
        raise DataError(problem, where=file, remedy="Check the path.") from None
    except MemoryError:
        raise too_large(file) from None
    if content.startswith(_GZIP):
        content = _unpacked(content, file)
    return content.removeprefix(_MARK)


def most_unpacked(packed: int) -> int:
    """Return how many bytes may come of so many packed ones."""
    return min(FILE.value() * MEBIBYTE, max(RATIO.value() * packed, _SMALL))


def unpacks_to_much(most: int, what: str, file: Path) -> DataError:
    """Make the error for a packed file of which more than `most` bytes come."""
    problem = f"the {what} grows beyond {most / MEBIBYTE:,.0f} MiB"
    remedy = f"Unpack it, and look at it first. {RATIO.how_to_raise()}"
    return DataError(problem, where=file, remedy=remedy)


def too_large(file: Path) -> DataError:
    """Make the error for a file that takes more memory than there is."""
    remedy = "Divide it, or free some memory."
    return DataError("does not fit in memory", where=file, remedy=remedy)


def _unpacked(packed: bytes, file: Path) -> bytes:
    """Unpack gzip, of one member or several, no further than is allowed."""
    most = most_unpacked(len(packed))
    try:
        with gzip.GzipFile(fileobj=BytesIO(packed)) as opened:
            content = _read(opened, most)
    except EOFError:
        raise DataError("the gzip file is truncated", where=file, remedy=_FETCH) from None
    except (gzip.BadGzipFile, zlib.error) as error:
        problem = f"not a whole gzip file ({error})"
        raise DataError(problem, where=file, remedy=_FETCH) from None
    except MemoryError:
        raise too_large(file) from None
    if len(content) > most:
        raise unpacks_to_much(most, "gzip file", file)
    return content


@overload
def decode_json(content: bytes | str | msgspec.Raw) -> Any: ...
@overload
def decode_json(
    content: bytes | str | msgspec.Raw,
    kind: type[T],
    *,
    dec_hook: Callable[[type, Any], Any] | None = None,
) -> T: ...
def decode_json(
    content: bytes | str | msgspec.Raw,
    kind: Any = Any,
    *,
    dec_hook: Callable[[type, Any], Any] | None = None,
) -> Any:
    """Decode JSON of the type `kind`; all that can be wrong with it is one kind of error.

    Raises:
        msgspec.DecodeError: it is malformed, nested too deeply, or holds a text that is not UTF-8;
            as a `msgspec.ValidationError`, it is of another type.
    """
    try:
        return msgspec.json.decode(content, type=kind, dec_hook=dec_hook)
    except UnicodeDecodeError as error:
        raise msgspec.DecodeError(f"JSON is malformed: not UTF-8 ({error.reason})") from None
    except RecursionError:
        raise msgspec.DecodeError("JSON is malformed: nested too deeply") from None
