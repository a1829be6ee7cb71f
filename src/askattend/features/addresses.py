"""Addresses of fsspec's, such as ``s3://bucket/images``: listed and read, and never waited for."""

from __future__ import annotations

import hashlib
import io
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from threading import Thread
from typing import Any, TypeVar

from askattend.errors import DataError

T = TypeVar("T")

_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]+(::[a-z].*)?://", re.IGNORECASE)
# Seconds that one answer may take. Of two images that are read at once, one may begin to wait when
# the other has: an address that stops to answer is told within half a minute.
ANSWERS_WITHIN = 12.0
# Bytes that are asked for at once, so that a slow network has time enough.
_TOGETHER = 4 * 2**20
# What file systems tell of a file that differs once another is in its place.
_TOLD = (
    *("etag", "mtime", "lastmodified", "last_modified", "last-modified", "updated", "created"),
    *("modified", "md5hash", "crc32c", "generation", "versionid", "version_id", "ino"),
)


@dataclass(frozen=True)
class Listed:
    """A file behind an address.

    Attributes:
        address: its own.
        name: its path below the address that was listed, or its last part.
        size: its bytes; 0 where that is not told.
        version: text that differs once another is in its place; ``""`` where nothing is told.
        is_folder: True for a folder.
    """

    address: str
    name: str
    size: int = 0
    version: str = ""
    is_folder: bool = False


def is_address(place: str) -> bool:
    """Tell an address of fsspec's from a path."""
    return _ADDRESS.match(place) is not None


def unreachable(place: str, error: Exception) -> DataError:
    """Make the error for an address, or a file, that cannot be read now."""
    told: BaseException = error
    if isinstance(error, FileNotFoundError) and error.filename is None:
        # Of hosts that are not there, some file systems say no more than the address.
        told = error.__cause__ or FileNotFoundError("nothing is found there")
    said = " ".join(str(told).split()) or type(told).__name__
    if isinstance(told, OSError) and told.filename is not None:  # which `place` names
        said = told.strerror or said
    remedy = "Check the path and the disk; then run it again."
    if is_address(place):
        remedy = "Check the address, the network and your credentials; then run it again."
    return DataError(f"cannot be read ({said[:300].rstrip('.')})", where=place, remedy=remedy)


def exists_at(address: str) -> bool:
    """Tell if there is something at an address.

    Raises:
        DataError: it does not answer.
    """

    def ask() -> bool:
        system, path = _system(address)
        return bool(system.exists(path))

    try:
        return _answered(address, ask)
    except FileNotFoundError:  # of what holds it
        return False


def files_at(address: str, wanted: Callable[[str], bool]) -> Iterator[Listed]:
    """List the files at an address, or below it, whose names are wanted; by name.

    Raises:
        DataError: it does not answer.
    """
    # Asked first, and not waited for: a list of millions may take its time then.
    exists_at(address)
    try:
        system, root = _system(address)
        # Of a web server, everything is a file and a folder.
        if wanted(root) and system.isfile(root):
            infos, top = {root: system.info(root)}, root.rpartition("/")[0]
        else:
            infos, top = system.find(root, detail=True), root
    except Exception as error:  # each file system has errors of its own
        raise unreachable(address, error) from error
    for path, info in sorted(infos.items()):
        if wanted(path):
            name = path.removeprefix(top).lstrip("/")
            yield _listed(address, name, system, path, info)


def matches_at(address: str) -> list[Listed]:
    """List the files and folders that an address with ``*`` in it stands for; by name.

    Raises:
        DataError: it does not answer.
    """
    exists_at(_before_pattern(address))
    try:
        system, pattern = _system(address)
        infos = system.glob(pattern, detail=True)
    except Exception as error:
        raise unreachable(address, error) from error
    return [
        _listed(address, path.rstrip("/").rpartition("/")[2], system, path, info)
        for path, info in sorted(infos.items())
    ]


def version_at(address: str) -> str:
    """Return what is told of a file's version; ``""`` where nothing is.

    Raises:
        FileNotFoundError: nothing is there.
        DataError: it does not answer.
    """

    def ask() -> str:
        system, path = _system(address)
        return _version(system.info(path))

    return _answered(address, ask)


def open_address(address: str) -> io.BufferedReader:
    """Open a file behind an address, to be read from anywhere in it.

    Raises:
        FileNotFoundError: nothing is there.
        DataError: it does not answer.
    """

    def ask() -> Any:
        system, path = _system(address)
        return system.open(path, "rb")

    raw = _Answering(_answered(address, ask), address)
    return io.BufferedReader(raw, 2**20)


def fetch(address: str, start: int | None = None, size: int = 0) -> bytes:
    """Read what is at an address.

    Args:
        address: the address.
        start: its first byte to be read; None for all of it.
        size: how many bytes; 0, of all of it, where that is not known.

    Raises:
        FileNotFoundError: nothing is there.
        DataError: it does not answer, or does not send parts of files.
    """
    try:
        system, path = _system(address)
    except Exception as error:
        raise unreachable(address, error) from error
    if start is None and size <= _TOGETHER:
        return bytes(_answered(address, partial(system.cat_file, path)))
    first = start or 0
    parts: list[bytes] = []
    for at in range(first, first + size, _TOGETHER):
        end = min(at + _TOGETHER, first + size)
        parts.append(_answered(address, partial(system.cat_file, path, start=at, end=end)))
        if len(parts[-1]) > end - at:
            raise unreachable(address, OSError("it sends whole files where a part is asked for"))
        if len(parts[-1]) < end - at:
            break
    return b"".join(parts)


class _Answering(io.RawIOBase):
    """A file behind an address, no answer of which is waited for without end."""

    def __init__(self, opened: Any, address: str) -> None:
        self._opened, self._address = opened, address

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return bool(self._opened.seekable())

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return int(self._opened.seek(offset, whence))

    def tell(self) -> int:
        return int(self._opened.tell())

    def readinto(self, buffer: Any) -> int:
        content = _answered(self._address, lambda: self._opened.read(len(buffer)))
        buffer[: len(content)] = content
        return len(content)

    def close(self) -> None:
        if not self.closed:
            self._opened.close()
        super().close()


def _answered(address: str, ask: Callable[[], T]) -> T:
    """Return an answer, in a thread that is left behind where none comes."""
    answers: list[T] = []
    errors: list[Exception] = []

    def run() -> None:
        try:
            answers.append(ask())
        except Exception as error:  # each file system has errors of its own
            errors.append(error)

    thread = Thread(target=run, name="address", daemon=True)
    thread.start()
    thread.join(ANSWERS_WITHIN)
    if answers:
        return answers[0]
    if not errors:
        raise unreachable(address, TimeoutError(f"no answer within {ANSWERS_WITHIN:.0f} s"))
    if isinstance(errors[0], FileNotFoundError | DataError):
        raise errors[0]
    raise unreachable(address, errors[0]) from errors[0]


def _system(address: str) -> tuple[Any, str]:
    # Here, since it takes a while, and few commands read addresses.
    import fsspec

    system, path = fsspec.core.url_to_fs(address)
    return system, path


def _before_pattern(address: str) -> str:
    """Return the last folder that a pattern names without ``*``."""
    first, chained, rest = address.partition("::")
    if chained and "*" not in first:
        return f"{first}::{_before_pattern(rest)}"
    return first.partition("*")[0].rpartition("/")[0] + "/" + chained + rest


def _listed(address: str, name: str, system: Any, path: str, info: Mapping[str, Any]) -> Listed:
    own, size = _address_of(address, system, path), info.get("size") or 0
    return Listed(own, name, size, _version(info), info.get("type") == "directory")


def _address_of(address: str, system: Any, path: str) -> str:
    """Return the address of a file below another: ``zip://a.png::s3://x.zip``, too."""
    first, chained, rest = address.partition("::")
    if not chained:
        return str(system.unstrip_protocol(path))
    if "://" in first:
        return f"{first.partition('://')[0]}://{path}::{rest}"
    return f"{first}::{rest.rpartition('://')[0]}://{path.partition('://')[2] or path}"


def _version(info: Mapping[str, Any]) -> str:
    known = sorted((key, str(value)) for key, value in info.items() if key.lower() in _TOLD)
    if not known:
        return ""
    return hashlib.blake2b(repr(known).encode(), digest_size=8).hexdigest()
