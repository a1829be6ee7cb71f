"""Keeping a folder's manifest true while files of it are written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import msgspec
from filelock import FileLock

from askattend.files.manifest import MANIFEST, Entry, Manifest, read_manifest
from askattend.files.whole import write_whole

LOCK = ".manifest.lock"


@contextmanager
def recording(folder: Path, entries: Mapping[str, Entry | None]) -> Iterator[None]:
    """Note what files of a folder are about to become, and once they are, that they are.

    A folder without a manifest stays without: a new one would not list its other files.

    Args:
        folder: the folder.
        entries: name → what the file will hold; None for one that is to be removed.
    """
    before = _manifest(folder)
    # Damaged: readers will say so, and what is written now need not be lost.
    if before is None:
        yield
        return
    with FileLock(folder / LOCK):
        before = _settled(folder, _manifest(folder) or before)
        write_whole(folder / MANIFEST, encode(Manifest(before.files, dict(entries))))
        yield
        after = Manifest(_without_none({**before.files, **entries}))
        # Lost with the power, the one before allows what is there, too.
        write_whole(folder / MANIFEST, encode(after), durable=False)


def settle(folder: Path) -> None:
    """End a recording that a killed process began, where nothing more is to be written."""
    before = _manifest(folder)
    if before is not None and before.writing:
        with FileLock(folder / LOCK):
            write_whole(folder / MANIFEST, encode(_settled(folder, _manifest(folder) or before)))


def encode(manifest: Manifest) -> bytes:
    """Write a manifest as JSON: the same bytes whatever was written first."""
    return msgspec.json.format(msgspec.json.encode(manifest.sealed(), order="sorted"))


def _manifest(folder: Path) -> Manifest | None:
    try:
        return read_manifest(folder)
    except ValueError:
        return None


def _settled(folder: Path, manifest: Manifest) -> Manifest:
    """Keep of what a killed process was about to write that which it has written."""
    files: dict[str, Entry | None] = dict(manifest.files)
    for name, entry in manifest.writing.items():
        if Entry.of_file(folder / name) == entry:
            files[name] = entry
    return Manifest(_without_none(files))


def _without_none(files: Mapping[str, Entry | None]) -> dict[str, Entry]:
    return {name: entry for name, entry in files.items() if entry is not None}
