"""Names of what is being written, by which the next writer finds what a killed one left.

Whoever writes holds a lock on it, which ends with the process. So what is locked is somebody's
work, and what is not was left, whatever the time and on whichever machine.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from askattend.files import system_calls

# As `name_beside` makes them; and safetensors' own, of its function that saves to a file.
_OURS = r"\.{name}\.[0-9a-f]{{8}}"
_ANY = re.compile(rf"{_OURS.format(name='.+')}|\.tmp[0-9A-Za-z]{{6}}")


def name_beside(path: Path) -> Path:
    """Return a hidden name in the same folder that nobody else uses."""
    return path.with_name(f".{path.name}.{secrets.token_hex(4)}")


def create_held(file: Path) -> int:
    """Make a file that `sweep` leaves alone until it is closed; return its handle."""
    while True:
        handle = system_calls.create(file)
        _hold(handle)
        if os.path.exists(file):
            return handle
        os.close(handle)  # swept between the two calls, as if it had been left


def make_held(folder: Path) -> int | None:
    """Make a folder that `sweep` leaves alone; return the handle to close, where there is one."""
    while True:
        system_calls.make_folder(folder)
        try:
            handle = os.open(folder, os.O_RDONLY)
        except OSError:
            if os.path.isdir(folder):  # Windows opens no folder
                return None
            continue
        _hold(handle)
        if os.path.exists(folder):
            return handle
        os.close(handle)


def sweep(folder: Path, name: str | None = None) -> None:
    """Remove what killed writers left in a folder; what is being written stays.

    For whoever is about to write there; a reader leaves all as it is.

    Args:
        folder: need not exist.
        name: of what had been written; by default any, and files of safetensors' own.
    """
    pattern = _ANY if name is None else re.compile(_OURS.format(name=re.escape(name)))
    for path in _matching(folder, pattern):
        with suppress(OSError):  # it is in nobody's way
            _remove_left(path)


def _matching(folder: Path, pattern: re.Pattern[str]) -> Iterator[Path]:
    try:
        with os.scandir(folder) as entries:
            names = sorted(entry.name for entry in entries if pattern.fullmatch(entry.name))
    except OSError:
        return
    yield from (folder / name for name in names)


def _hold(handle: int) -> None:
    with suppress(OSError):  # a disk without locks, where nobody can sweep either
        system_calls.hold(handle, wait=True)


def _remove_left(path: Path) -> None:
    """Remove a file or folder, unless somebody holds it or it is a link."""
    if path.is_symlink():
        return
    is_folder = path.is_dir()
    remove = system_calls.remove_tree if is_folder else system_calls.remove
    if os.name == "nt":  # which removes nothing that is open
        remove(path)
        return
    handle = os.open(path, os.O_RDONLY if is_folder else os.O_RDWR)
    try:
        if system_calls.hold(handle, wait=False):
            remove(path)
    finally:
        os.close(handle)
