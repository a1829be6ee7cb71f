"""Writing files whole or not at all, with their manifest; telling their content and names."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock

from askattend.files.manifest import MANIFEST, Entry, Manifest
from askattend.files.reading import open_plain
from askattend.files.recording import LOCK, encode, recording
from askattend.files.whole import Content, make_folder, remove_file, write_whole


def digest(content: bytes | memoryview) -> str:
    """Compute what tells a file's content: 32 hexadecimal digits of its BLAKE2b."""
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def digest_of(file: Path) -> str | None:
    """Compute the `digest` of a file of any size; None where it is not there."""
    try:
        with open_plain(file) as opened:
            return hashlib.file_digest(opened, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
    except OSError:
        return None


def readable(text: str) -> str:
    r"""Return text that can be written: bytes of file names that are no UTF-8 as ``\xe9``.

    >>> readable("caf\udce9.png")
    'caf\\xe9.png'
    """
    try:
        text.encode()
        return text
    except UnicodeEncodeError:
        data = text.encode("utf-8", "surrogateescape" if _is_name(text) else "surrogatepass")
        return data.decode("utf-8", "backslashreplace")


def _is_name(text: str) -> bool:
    """Tell bytes of a file's name, as Python holds them, from other halves of characters."""
    return not any("\ud800" <= char < "\udc80" or "\udcff" < char <= "\udfff" for char in text)


def atomic_write(file: Path, content: Content) -> None:
    """Write a file so that a reader, or a crash, never meets half of it.

    Where its folder has a manifest, that is kept true.

    Args:
        file: its folder must be there.
        content: all of it, or the pieces that it consists of.

    Raises:
        OSError: the disk does not take it; names the file, which is as it was before.
    """
    with recorded(file, Entry.of(content)):
        write_whole(file, content)


def remove(file: Path) -> None:
    """Remove a file, if it is there; from its folder's manifest, too."""
    with recorded(file, None):
        remove_file(file)


@contextmanager
def recorded(file: Path, entry: Entry | None) -> Iterator[None]:
    """Keep a folder's manifest true while a file of it is replaced, or removed if `entry` is None.

    Hidden files are no part of what a folder holds.
    """
    if file.name.startswith(".") or file.name == MANIFEST:
        yield
        return
    with recording(file.parent, {file.name: entry}):
        yield


def write_together(folder: Path, contents: Mapping[str, bytes]) -> None:
    """Write files that belong together, in their order: the manifest tells if only some were."""
    entries = {name: Entry.of(content) for name, content in contents.items()}
    with recording(folder, entries):
        for name, content in contents.items():
            write_whole(folder / name, content)


def begin_manifest(folder: Path, names: Iterable[str]) -> None:
    """Give a folder that has no manifest one, before the files that it is to list; see `accept`."""
    make_folder(folder)
    if not (folder / MANIFEST).exists():
        with FileLock(folder / LOCK):
            if not (folder / MANIFEST).exists():  # else another process was quicker
                _list(folder, names)


def accept(folder: Path, names: Iterable[str]) -> None:
    """Write a manifest anew, of files as they are now.

    Args:
        folder: the folder.
        names: of the files; those that are not there are left out.
    """
    with FileLock(folder / LOCK):
        _list(folder, names)


def _list(folder: Path, names: Iterable[str]) -> None:
    found = {name: Entry.of_file(folder / name) for name in names}
    files = {name: entry for name, entry in found.items() if entry is not None}
    write_whole(folder / MANIFEST, encode(Manifest(files)))
