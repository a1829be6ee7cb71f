"""Reading whole files within limits, whether they are packed or not, and the JSON in them."""

from __future__ import annotations

import errno
import gzip
import os
import stat
import zlib
from collections.abc import Callable
from io import BytesIO
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


def read_whole(file: Path) -> bytes:
    """Read all of a file, which must be one on a disk, and no larger than is allowed.

    A pipe or a device in its place would be waited for, or read, without end.

    Raises:
        OSError: as opening it does; or it is no plain file, or larger than `limits.FILE`.
    """
    # Not blocking: opening a pipe would wait for somebody to write to it.
    handle = os.open(file, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    with os.fdopen(handle, "rb") as opened:
        kind, size = os.fstat(handle).st_mode, os.fstat(handle).st_size
        if stat.S_ISDIR(kind):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(file))
        if not stat.S_ISREG(kind):
            what = "a pipe" if stat.S_ISFIFO(kind) else "a device"
            raise OSError(errno.EINVAL, f"{what}, not a file; save it as one first", str(file))
        most = FILE.value() * MEBIBYTE
        # Once more by what is read: some file systems do not tell a size, and files grow.
        try:
            content = b"" if size > most else opened.read(most + 1)
        except OSError as error:  # a damaged disk, which names nothing
            raise OSError(error.errno, error.strerror, str(file)) from error
        if size > most or len(content) > most:
            how = FILE.how_to_raise().rstrip(".").replace("If", "if")
            problem = f"larger than {FILE.value():,} MiB; {how}"
            raise OSError(errno.EFBIG, problem, str(file))
        return content


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
    if content.startswith(_GZIP):
        content = _unpacked(content, file)
    return content.removeprefix(_MARK)


def _unpacked(packed: bytes, file: Path) -> bytes:
    """Unpack gzip, of one member or several, no further than is allowed."""
    most = min(FILE.value() * MEBIBYTE, max(RATIO.value() * len(packed), _SMALL))
    try:
        with gzip.GzipFile(fileobj=BytesIO(packed)) as opened:
            content = opened.read(most + 1)
    except EOFError:
        raise DataError("the gzip file is truncated", where=file, remedy=_FETCH) from None
    except (gzip.BadGzipFile, zlib.error) as error:
        problem = f"not a whole gzip file ({error})"
        raise DataError(problem, where=file, remedy=_FETCH) from None
    if len(content) > most:
        problem = f"the gzip file grows beyond {most / MEBIBYTE:,.0f} MiB"
        remedy = f"Unpack it, and look at it first. {RATIO.how_to_raise()}"
        raise DataError(problem, where=file, remedy=remedy)
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
