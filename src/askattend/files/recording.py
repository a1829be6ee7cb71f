"""Keeping a folder's manifest true while files of it are written."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import msgspec
from filelock import FileLock

from askattend.files.manifest import MANIFEST, Entry, Manifest, read_manifest

LOCK = ".manifest.lock"

Write = Callable[[Path, bytes], None]


@contextmanager
def recording(folder: Path, entries: Mapping[str, Entry | None], write: Write) -> Iterator[None]:
    """Note what files of a folder are about to become, and once they are, that they are.

    A folder without a manifest stays without: a new one would not list its other files.

    Args:
        folder: the folder.
        entries: name → what the file will hold; None for one that is to be removed.
        write: writes a file whole or not at all, without recording it.
    """
    before = _manifest(folder)
    # Damaged: readers will say so, and what is written now need not be lost.
    if before is None or all(_is_noted(before, name, entries[name]) for name in entries):
        yield
        return
    with FileLock(folder / LOCK):
        before = _settled(folder, _manifest(folder) or before)
        write(folder / MANIFEST, encode(Manifest(before.files, dict(entries))))
        yield
        write(folder / MANIFEST, encode(Manifest(_without_none({**before.files, **entries}))))


def encode(manifest: Manifest) -> bytes:
    """Write a manifest as JSON: the same bytes whatever was written first."""
    return msgspec.json.format(msgspec.json.encode(manifest.sealed(), order="sorted"))


def _manifest(folder: Path) -> Manifest | None:
    try:
        return read_manifest(folder)
    except ValueError:
        return None


def _is_noted(manifest: Manifest, name: str, entry: Entry | None) -> bool:
    """Return True within the recording of several files, which has noted this one already."""
    return name in manifest.writing and manifest.writing[name] == entry


def _settled(folder: Path, manifest: Manifest) -> Manifest:
    """Keep of what a killed process was about to write that which it has written."""
    files: dict[str, Entry | None] = dict(manifest.files)
    for name, entry in manifest.writing.items():
        if Entry.of_file(folder / name) == entry:
            files[name] = entry
    return Manifest(_without_none(files))


def _without_none(files: Mapping[str, Entry | None]) -> dict[str, Entry]:
    return {name: entry for name, entry in files.items() if entry is not None}
