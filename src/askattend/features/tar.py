"""Tar files of images, in WebDataset's layout or any: their members are found without unpacking."""

from __future__ import annotations

import gzip
import os
import tarfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from io import BufferedReader
from typing import Any

import msgspec

from askattend.errors import DataError
from askattend.features.image_names import is_hidden, is_image
from askattend.features.image_places import Place
from askattend.files import readable
from askattend.files.limits import MEBIBYTE
from askattend.files.reading import most_unpacked

TAR_SUFFIXES = (".tar", ".tar.gz", ".tgz")
_DAMAGE = (tarfile.TarError, EOFError, zlib.error, OSError)
# A larger description holds no questions.
_MOST_JSON = 16 * 2**20
# Behind the last member; programs fill up to a tape's block, of a mebibyte or less.
_MOST_ZEROS = 64 * 2**20
# Of a member's description, which tarfile reads as a whole; names have some thousand bytes.
_LONGEST_HEADER = 2**20


# Reads a description, of which messages say where it lies.
ReadDescription = Callable[[bytes, str], tuple[Any, ...]]


@dataclass(frozen=True)
class FoundImage:
    """An image that was listed.

    Attributes:
        image: its id.
        place: where its bytes lie.
        told: what was read from its tar file's descriptions of it.
    """

    image: str
    place: Place
    told: tuple[Any, ...] = ()


def tar_images(
    file: BufferedReader, place: Place, *, read: ReadDescription | None = None
) -> Iterator[FoundImage]:
    """List the images of a tar file in its order; names are ids, whatever they look like.

    A link, and a member that is no plain file, is an image that cannot be read. Hidden ones are
    left out, as those of folders are.

    Args:
        file: opened, at its beginning.
        place: the tar file's.
        read: reads ``KEY.json`` beside ``KEY.jpg``.

    Raises:
        DataError: it is no tar file, damaged, or cut off; names the last whole member.
    """
    packed = file.read(2) == b"\x1f\x8b"
    file.seek(0)
    stream: Any = gzip.GzipFile(fileobj=file) if packed else file
    whole = msgspec.structs.replace(place, packed=packed)
    most = most_unpacked(_size(file)) if packed else None
    sample = _Sample("", place.name)
    for member in _members(stream, place.name):
        name = _name(member)
        if is_hidden(name):
            continue
        if sample.key != (key := _key(name)):
            yield from sample.found()
            sample = _Sample(key, place.name)
        stem, suffix = os.path.splitext(name)
        if is_image(name):
            sample.images.append(FoundImage(name, _place(member, whole, most)))
        elif suffix.lower() == ".json" and read is not None and member.size <= _MOST_JSON:
            # Read in between; tarfile itself looks for the next member where it was.
            where = f"{place.name}: {name}"
            told = read(_content(stream, member, where), where)
            sample.told[stem] = (*sample.told.get(stem, ()), *told)
    yield from sample.found()


@dataclass
class _Sample:
    """Members of one key that follow each other: images, and what is told beside them."""

    key: str
    place: str
    images: list[FoundImage] = field(default_factory=list)
    told: dict[str, tuple[Any, ...]] = field(default_factory=dict)

    def found(self) -> Iterator[FoundImage]:
        """Give images what a description of their name tells, and what those of all do."""
        stems = {os.path.splitext(each.image)[0] for each in self.images}
        of_all = [each for stem, told in self.told.items() if stem not in stems for each in told]
        if of_all and not self.images:
            raise DataError(
                "holds questions, but no image of this name stands beside it",
                where=f"{self.place}: {next(iter(self.told))}.json",
                remedy="Put KEY.json next to KEY.jpg (tar --sort=name).",
            )
        for each in self.images:
            own = self.told.get(os.path.splitext(each.image)[0], ())
            yield replace(each, told=(*of_all, *own))


def _name(member: tarfile.TarInfo) -> str:
    """Return a name as it is within a folder: ``tar -C photos .`` writes ``./a.png``."""
    name = readable(member.name)
    while name.startswith("./"):
        name = name[2:].lstrip("/")
    return name


def _size(file: BufferedReader) -> int:
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    return size


def _place(member: tarfile.TarInfo, whole: Place, most: int | None) -> Place:
    problem = ""
    if member.islnk() or member.issym():
        option = "--hard-dereference" if member.islnk() else "--dereference"
        name = readable(member.linkname)
        problem = f"a link to '{name}', which is not read (tar {option} stores it)"
    elif not _is_plain(member):
        problem = "a device or a file with holes, which is not read"
    elif most is not None and member.size > most:
        problem = f"unpacks to {member.size / MEBIBYTE:,.0f} MiB, which may be an attack"
    return msgspec.structs.replace(
        whole, start=member.offset_data, size=member.size, problem=problem
    )


def _is_plain(member: tarfile.TarInfo) -> bool:
    """Return True where the bytes of a file lie in one piece, and not with another member."""
    return member.isfile() and not member.issparse()


def _content(stream: Any, member: tarfile.TarInfo, where: str) -> bytes:
    if not _is_plain(member):
        remedy = "Make it again with tar --dereference."
        raise DataError("is a link, not a file", where=where, remedy=remedy)
    try:
        stream.seek(member.offset_data)
        content: bytes = stream.read(member.size)
        return content
    except _DAMAGE as error:
        remedy = "Fetch it again, or make it again."
        raise DataError(f"is damaged ({error})", where=where, remedy=remedy) from error


def _key(name: str) -> str:
    """Return what files of one sample share: the path up to the first dot of the name."""
    folder, slash, base = name.rpartition("/")
    return folder + slash + base.partition(".")[0]


def _members(stream: Any, place: str) -> Iterator[tarfile.TarInfo]:
    """Yield what an archive holds but folders, and make sure that it ends where it says."""
    whole = last = ""
    try:
        headers: Any = _Headers(stream)
        with tarfile.open(fileobj=headers, mode="r:") as opened:
            # It makes sure of a member's last byte before it looks for the next.
            while (member := opened.next()) is not None:
                whole, last = last, member.name
                # It remembers every member, which of a large archive would fill the memory.
                opened.members = []  # type: ignore[attr-defined]
                if not member.isdir():
                    yield member
            whole = last
            stream.seek(opened.offset)
            _require_end(stream)
    except _DAMAGE as error:
        if not whole:
            problem = f"is no tar file that can be read ({error})"
            raise DataError(problem, where=place, remedy="Make it again.") from error
        raise DataError(
            f"is cut off or damaged ({error}); its last whole member is '{readable(whole)}'",
            where=place,
            remedy="Fetch it again, or make it again.",
        ) from error


class _Headers:
    """A stream of which tarfile reads members' descriptions alone, none of which may be long."""

    def __init__(self, stream: Any) -> None:
        self._stream, self.seek, self.tell = stream, stream.seek, stream.tell

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= _LONGEST_HEADER:
            raise tarfile.ReadError(f"a member is described in {size:,} bytes")
        content: bytes = self._stream.read(size)
        return content


def _require_end(stream: Any) -> None:
    """Read what follows the last member: zeros, a block of them at least.

    A header that is cut or damaged looks like the end to tarfile.
    """
    block = stream.read(tarfile.BLOCKSIZE)
    if len(block) < tarfile.BLOCKSIZE:
        raise tarfile.ReadError("it has no end mark")
    zeros = 0
    while block:
        if block.strip(b"\0"):
            raise tarfile.ReadError("something else than a member follows")
        zeros += len(block)
        if zeros > _MOST_ZEROS:
            raise tarfile.ReadError("zeros follow without end")
        block = stream.read(2**20)
