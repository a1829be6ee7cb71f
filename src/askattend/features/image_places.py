"""Where the bytes of images lie: in files, in tar files, and behind addresses."""

from __future__ import annotations

import gzip
import os
import zlib
from contextlib import AbstractContextManager
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path

import msgspec

from askattend.errors import ImageError
from askattend.features.addresses import fetch, is_address, open_address, unreachable
from askattend.features.image_bytes import read_image_file
from askattend.files import open_plain
from askattend.files.limits import FILE, MEBIBYTE

_RAW = "\0"


class Place(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """Where the bytes of an image lie.

    Attributes:
        path: of the file, or the address, that holds them; as `Place.of` writes it.
        start: byte of the file (of a packed one, unpacked) where they begin; None for all of it.
        size: their number; 0 of a whole file.
        packed: True in a gzip file, which is read from its beginning.
        version: what an address tells, which differs once another file is there; ``""`` where it
            tells nothing, and of files, which are asked when it is needed.
        problem: why there are no bytes; ``""`` where there are.
    """

    path: str
    start: int | None = None
    size: int = 0
    packed: bool = False
    version: str = ""
    problem: str = ""

    @classmethod
    def of(cls, path: str | Path) -> Place:
        """Return the place of a file."""
        return cls(_written(str(path)))

    @property
    def name(self) -> str:
        """Path of the file, or the address."""
        return _read(self.path)

    @property
    def is_remote(self) -> bool:
        """True for an address."""
        return is_address(self.path)

    def called(self, image: str) -> str:
        """Return how messages call an image that is here."""
        return self.name if self.start is None and not self.problem else f"{self.name}: {image}"


def place_of(file: Path | Place) -> Place:
    """Return the place of an image that is given by its file, or by its place."""
    return file if isinstance(file, Place) else Place.of(file)


@dataclass(frozen=True)
class Status:
    """Description of an image's file without its content.

    Attributes:
        size: bytes of the image; None where nobody tells.
        version: text that differs once another file is there; ``""`` where nobody tells.
        changed: nanoseconds of the epoch when the file was last changed, on a disk.
    """

    size: int | None
    version: str
    changed: int = 0


def status_of(place: Place) -> Status | None:
    """Return what is told of an image's file; None where there is none."""
    if place.problem:
        return None
    if place.is_remote:
        return Status(place.size or None, place.version and f"{place.version} {place.start}")
    try:
        found = os.stat(place.name)
    except OSError:
        return None
    # The time of the last change of any kind cannot be set, and a file moved here is another inode.
    version = f"{found.st_mtime_ns} {found.st_ctime_ns} {found.st_ino}"
    changed = max(found.st_mtime_ns, found.st_ctime_ns)
    if place.start is None:
        return Status(found.st_size, version, changed)
    return Status(place.size, f"{version} {place.start}", changed)


def is_there(place: Place) -> bool:
    """Tell if an image's file is there; of what was listed, that is taken to be so."""
    return not place.problem and (place.is_remote or os.path.exists(place.name))


def read_image(place: Place, image: str) -> bytes:
    """Read the bytes of an image.

    Args:
        place: where they lie.
        image: the image's id, for messages.

    Raises:
        ImageError: it is not there, or not whole.
        DataError: an address does not answer, or a file that holds many images cannot be read.
    """
    if (problem := _problem(place)) is not None:
        raise ImageError(problem, where=place.called(image))
    if place.packed:
        with PackedReader() as reader:
            content = reader.read(place)
            assert content is not None
    elif place.is_remote:
        try:
            content = fetch(place.name, place.start, place.size)
        except FileNotFoundError:
            raise ImageError("no such file", where=place.name) from None
    elif place.start is None:
        return read_image_file(Path(place.name))
    else:
        content = _read_member(place)
    if place.start is not None and len(content) < place.size:
        problem = "the file that holds it ends before it does"
        raise ImageError(problem, where=place.called(image))
    return content


def _read_member(place: Place) -> bytes:
    try:
        with open_plain(place.name) as opened:
            opened.seek(place.start or 0)
            return opened.read(place.size)
    except FileNotFoundError:
        raise ImageError("no such file", where=place.name) from None
    except OSError as error:
        raise unreachable(place.name, error) from error


def _problem(place: Place) -> str | None:
    if place.problem:
        return place.problem
    # What the file that holds it says; of whole files on a disk, whoever reads them looks.
    if place.size > FILE.value() * MEBIBYTE:
        return f"larger than {FILE.value():,} MiB"
    return None


class PackedReader(AbstractContextManager["PackedReader"]):
    """Reads members of packed tar files, forwards in one: going back means from its beginning."""

    def __init__(self) -> None:
        self._path = ""
        self._raw: BufferedReader | None = None
        self._stream: gzip.GzipFile | None = None

    def read(self, place: Place) -> bytes | None:
        """Return the bytes of an image in a packed file; None for others, and too large ones.

        Raises:
            DataError: the file cannot be read, or its address does not answer.
        """
        if not place.packed or _problem(place) is not None:
            return None
        try:
            stream = self._opened(place)
            stream.seek(place.start or 0)
            content = stream.read(place.size)
            if len(content) < place.size:
                raise EOFError("it ends before an image that it held")
            return content
        except (OSError, EOFError, zlib.error) as error:
            raise unreachable(place.name, error) from error

    def _opened(self, place: Place) -> gzip.GzipFile:
        if self._path != place.path or self._stream is None:
            self.close()
            self._raw = open_stored(place.name)
            self._path, self._stream = place.path, gzip.GzipFile(fileobj=self._raw)
        return self._stream

    def close(self) -> None:
        """Close what is open; the next member opens its file anew."""
        if self._raw is not None:
            self._raw.close()
        self._raw = self._stream = None

    def __exit__(self, *error: object) -> None:
        self.close()


def open_stored(place: str) -> BufferedReader:
    """Open a file by its path, or by its address, to be read from anywhere in it.

    Raises:
        OSError: it is not there, no file on a disk, or may not be read.
        DataError: its address does not answer.
    """
    return open_address(place) if is_address(place) else open_plain(place)


def _written(path: str) -> str:
    """Write a path as text that JSON takes: Linux has names that are no UTF-8."""
    try:
        path.encode()
        return path
    except UnicodeEncodeError:
        return _RAW + path.encode("utf-8", "surrogateescape").decode("latin-1")


def _read(path: str) -> str:
    if not path.startswith(_RAW):
        return path
    return path[1:].encode("latin-1").decode("utf-8", "surrogateescape")
