"""Tar files of images, in WebDataset's layout or any: their members are found without unpacking."""

from __future__ import annotations

import gzip
import os
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO, Any

import msgspec

from askattend.bulk.items import NO_CONTENT, Asked, Item, written_place
from askattend.errors import DataError
from askattend.features.extraction import SUFFIXES
from askattend.files import decode_json, readable
from askattend.files.limits import QUESTION

TAR_SUFFIXES = (".tar", ".tar.gz", ".tgz")
_DAMAGE = (tarfile.TarError, EOFError, zlib.error, OSError)
# A larger description holds no questions.
_MOST_JSON = 16 * 2**20
# Behind the last member; programs fill up to a tape's block, of a mebibyte or less.
_MOST_ZEROS = 64 * 2**20


def tar_items(file: IO[bytes], place: str, *, own_questions: bool) -> Iterator[Item]:
    """List the images of a tar file in its order; names are ids, whatever they look like.

    Args:
        file: opened, at its beginning.
        place: its path or address.
        own_questions: True to read questions from ``KEY.json`` beside ``KEY.jpg``: an object with
            ``question`` (text) or ``questions`` (texts, or objects of ``question`` and ``id``).

    Raises:
        DataError: it is no tar file, damaged, or cut off; names the last whole member.
    """
    packed = file.read(2) == b"\x1f\x8b"
    file.seek(0)
    stream: Any = gzip.GzipFile(fileobj=file) if packed else file
    written = written_place(place)
    sample = _Sample("", place)
    for member in _members(stream, place):
        name = readable(member.name)
        if sample.key != (key := _key(name)):
            yield from sample.items()
            sample = _Sample(key, place)
        stem, suffix = os.path.splitext(name)
        if suffix.lower() in SUFFIXES:
            size = member.size if _is_plain(member) else NO_CONTENT
            sample.images.append(Item(name, written, member.offset_data, size, packed))
        elif suffix.lower() == ".json" and own_questions and member.size <= _MOST_JSON:
            # Read in between; tarfile itself looks for the next member where it was.
            asked = _questions_in(_content(stream, member, place), f"{place}: {name}")
            sample.asked[stem] = (*sample.asked.get(stem, ()), *asked)
    yield from sample.items()


@dataclass
class _Sample:
    """Members of one key that follow each other: images, and the questions beside them."""

    key: str
    place: str
    images: list[Item] = field(default_factory=list)
    asked: dict[str, tuple[Asked, ...]] = field(default_factory=dict)

    def items(self) -> Iterator[Item]:
        """Give images the questions of a description that has their name, else those of all."""
        stems = {os.path.splitext(item.image)[0] for item in self.images}
        of_all = [each for stem, asked in self.asked.items() if stem not in stems for each in asked]
        if of_all and not self.images:
            raise DataError(
                "holds questions, but no image of this name stands beside it",
                where=f"{self.place}: {next(iter(self.asked))}.json",
                remedy="Put KEY.json next to KEY.jpg (tar --sort=name).",
            )
        for item in self.images:
            own = self.asked.get(os.path.splitext(item.image)[0], ())
            yield msgspec.structs.replace(item, asked=(*of_all, *own))


def _is_plain(member: tarfile.TarInfo) -> bool:
    """Return True where the bytes of a file lie in one piece, and not with another member."""
    return member.isfile() and not member.issparse()


def _content(stream: Any, member: tarfile.TarInfo, place: str) -> bytes:
    if not _is_plain(member):
        where, remedy = f"{place}: {readable(member.name)}", "Make it again with tar --dereference."
        raise DataError("is a link, not a file", where=where, remedy=remedy)
    try:
        stream.seek(member.offset_data)
        content: bytes = stream.read(member.size)
        return content
    except _DAMAGE as error:
        where, remedy = f"{place}: {readable(member.name)}", "Fetch it again, or make it again."
        raise DataError(f"is damaged ({error})", where=where, remedy=remedy) from error


def _key(name: str) -> str:
    """Return what files of one sample share: the path up to the first dot of the name."""
    folder, slash, base = name.rpartition("/")
    return folder + slash + base.partition(".")[0]


def _members(stream: Any, place: str) -> Iterator[tarfile.TarInfo]:
    """Yield all of an archive but folders, and make sure that it ends where it says it does."""
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


def _questions_in(content: bytes, where: str) -> tuple[Asked, ...]:
    """Read the questions of a description; none where it holds something else."""
    try:
        read = decode_json(content)
    except msgspec.DecodeError as error:
        problem = f"is no JSON ({error})"
        raise DataError(problem, where=where, remedy="Make the tar file again.") from None
    if not isinstance(read, dict):
        return ()
    listed = read.get("questions", read.get("question", []))
    listed = listed if isinstance(listed, list) else [listed]
    return tuple(_asked(question, where) for question in listed)


def _asked(question: Any, where: str) -> Asked:
    identifier = None
    if isinstance(question, dict):
        question, identifier = question.get("question"), question.get("id")
    is_id = identifier is None or (
        isinstance(identifier, int | str) and not isinstance(identifier, bool)
    )
    if not isinstance(question, str) or len(question) > QUESTION.value() or not is_id:
        raise DataError(
            "holds a question that is none",
            where=where,
            remedy='Write {"questions": ["is it red?"]}, or {"question": …, "id": …} for each.',
        )
    return Asked(question, identifier)
