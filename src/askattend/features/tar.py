"""Tar files of images, in WebDataset's layout or any: their members are found without unpacking."""

from __future__ import annotations

import gzip
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from io import BufferedReader
from typing import Any

import msgspec

from askattend.errors import DataError
from askattend.features.image_names import is_hidden, is_image
from askattend.features.image_places import Place
from askattend.files import readable

TAR_SUFFIXES = (".tar", ".tar.gz", ".tgz")
_DAMAGE = (tarfile.TarError, EOFError, zlib.error, OSError)
# A larger description holds no questions.
_MOST_JSON = 16 * 2**20
# Behind the last member; programs fill up to a tape's block, of a mebibyte or less.
_MOST_ZEROS = 64 * 2**20


@dataclass(frozen=True)
class Description:
    """A ``KEY.json`` that lies beside ``KEY.jpg``: what names it in messages, and its bytes."""

    where: str
    content: bytes


@dataclass(frozen=True)
class FoundImage:
    """An image that was listed.

    Attributes:
        image: its id.
        place: where its bytes lie.
        description: what its tar file tells of it, if it does and was asked.
    """

    image: str
    place: Place
    description: Description | None = None


def tar_images(
    file: BufferedReader, place: Place, *, descriptions: bool = False
) -> Iterator[FoundImage]:
    """List the images of a tar file in its order; names are ids, whatever they look like.

    A link, and a member that is no plain file, is an image that cannot be read. Hidden ones are
    left out, as those of folders are.

    Args:
        file: opened, at its beginning.
        place: the tar file's.
        descriptions: True to read ``KEY.json`` beside ``KEY.jpg``.

    Raises:
        DataError: it is no tar file, damaged, or cut off; names the last whole member.
    """
    packed = file.read(2) == b"\x1f\x8b"
    file.seek(0)
    stream: Any = gzip.GzipFile(fileobj=file) if packed else file
    whole = msgspec.structs.replace(place, packed=packed)
    group: list[FoundImage] = []
    described: Description | None = None
    key = None
    for member in _members(stream, place.name):
        name = _name(member)
        if is_hidden(name):
            continue
        if key != (key := _key(name)):
            yield from _with(group, described)
            group, described = [], None
        if is_image(name):
            group.append(FoundImage(name, _place(member, whole)))
        elif descriptions and name.lower().endswith(".json") and _is_description(member):
            # Read in between; tarfile itself looks for the next member where it was.
            where = f"{place.name}: {name}"
            described = Description(where, _content(stream, member, where))
    yield from _with(group, described)


def _with(group: list[FoundImage], described: Description | None) -> Iterator[FoundImage]:
    return (replace(found, description=described) for found in group)


def _name(member: tarfile.TarInfo) -> str:
    """Return a name as it is within a folder: ``tar -C photos .`` writes ``./a.png``."""
    name = readable(member.name)
    while name.startswith("./"):
        name = name[2:].lstrip("/")
    return name


def _place(member: tarfile.TarInfo, whole: Place) -> Place:
    problem = ""
    if member.islnk() or member.issym():
        problem = f"a link to '{readable(member.linkname)}', which a tar file holds no picture for"
    elif not member.isfile() or member.issparse():
        problem = "no plain file in its tar file"
    return msgspec.structs.replace(
        whole, start=member.offset_data, size=member.size, problem=problem
    )


def _is_description(member: tarfile.TarInfo) -> bool:
    return member.isfile() and not member.issparse() and member.size <= _MOST_JSON


def _content(stream: Any, member: tarfile.TarInfo, where: str) -> bytes:
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
        with tarfile.open(fileobj=stream, mode="r:") as opened:
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
