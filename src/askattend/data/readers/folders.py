"""The files of a data set's folder, wherever below it they were unpacked."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from askattend.errors import DataError

# As in images/mscoco/train2014.
_DEPTH = 3


def files_below(folder: Path) -> dict[str, list[str]]:
    """Name of each file in a folder or up to three levels below it → the folders that hold it.

    Hidden folders are left out.

    Raises:
        DataError: there is no such folder.
    """
    if not folder.is_dir():
        problem = "is not a folder" if folder.exists() else "no such folder"
        raise DataError(problem, where=folder, remedy="Name the folder that holds the data set.")
    found: dict[str, list[str]] = {}
    top = os.fspath(folder)
    for place, folders, names in os.walk(top, followlinks=True):
        depth = place[len(top) :].count(os.sep)
        below = sorted(name for name in folders if not name.startswith("."))
        folders[:] = below if depth < _DEPTH else []
        for name in names:
            found.setdefault(name, []).append(place)
    return found


def locate(
    images: Iterable[tuple[str, tuple[str, ...]]], found: Mapping[str, list[str]], folder: Path
) -> tuple[dict[str, Path], tuple[str, ...]]:
    """Image id → file, and a note if some are not there.

    Args:
        images: each id, with the names that its file may have, the official one first.
        found: what `files_below` found.
        folder: where a missing file is said to belong, once its pixels are needed.
    """
    files: dict[str, Path] = {}
    missing = []
    for image, names in images:
        name = next((name for name in names if name in found), None)
        if name is None:
            missing.append(names[0])
            files[image] = folder / names[0]
        else:
            files[image] = Path(found[name][0], name)
    if not missing:
        return files, ()
    return files, (
        f"{len(missing):,} of {len(files):,} images are not there, such as {folder / missing[0]}",
    )
