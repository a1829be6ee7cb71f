"""Files of a data set's folder, wherever below it they were unpacked."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from askattend.errors import DataError, name_few

# Of every note that images are missing.
NOT_THERE = "images are not there"
# As in images/mscoco/train2014.
_DEPTH = 3


def files_below(folder: Path) -> dict[str, list[str]]:
    """Map the name of each file in a folder, or up to three levels below → folders that hold it.

    Hidden folders are left out.

    Raises:
        DataError: there is no such folder.
    """
    if not folder.is_dir():
        problem = "is not a folder" if folder.exists() else "no such folder"
        raise DataError(problem, where=folder, remedy="Name the folder that holds the data set.")
    found: dict[str, list[str]] = {}
    top = os.fspath(folder)
    for path, folders, names in os.walk(top, followlinks=True):
        depth = path[len(top) :].count(os.sep)
        # In place, as os.walk looks at this very list for where to go next.
        below = sorted(name for name in folders if not name.startswith("."))
        folders[:] = below if depth < _DEPTH else []
        for name in names:
            found.setdefault(name, []).append(path)
    return found


def locate(
    images: Iterable[tuple[str, tuple[str, ...]]], found: Mapping[str, list[str]], folder: Path
) -> tuple[dict[str, Path], tuple[str, ...]]:
    """Map image id → file, and make a note if some are not there.

    Args:
        images: each id, with the names that its file may have, the official one first; with the
            folder they lie in, ``"xmlab0/source.jpg"``, where names alone do not tell them apart.
        found: what `files_below` found.
        folder: where a missing file is said to belong, once its pixels are needed.
    """
    files: dict[str, Path] = {}
    missing = []
    for image, names in images:
        file = next(filter(None, (_find(name, found) for name in names)), None)
        if file is None:
            missing.append(names[0])
        # Questions can be read and counted without images; the path tells where to put one.
        files[image] = file or folder / names[0]
    if not missing:
        return files, ()
    return files, (
        f"{len(missing):,} of {len(files):,} {NOT_THERE}, such as {folder / missing[0]}",
    )


def _find(name: str, found: Mapping[str, list[str]]) -> Path | None:
    parent, slash, base = name.rpartition("/")
    end = os.sep + parent.replace("/", os.sep) if slash else ""
    inside = next((each for each in found.get(base, ()) if each.endswith(end)), None)
    return None if inside is None else Path(inside, base)


def no_question_file(
    folder: Path, found: Iterable[str], example: str, *, also: str = ""
) -> DataError:
    """Make the error for a folder that holds no question file.

    Args:
        folder: where one was looked for.
        found: the names of all files there.
        example: the name that a question file may have.
        also: another remedy, as a full sentence.
    """
    similar = name_few(sorted(name for name in found if ".json" in name)) or "none"
    remedy = "Name the folder that holds the official files under their own names."
    return DataError(
        f"no question file named like {example}[.gz], here or in folders below; of JSON files it "
        f"has {similar}",
        where=folder,
        remedy=f"{remedy} {also}".rstrip(),
    )


def two_files(split: str, paths: Sequence[Path]) -> DataError:
    """Make the error for a split whose questions are in several files."""
    return DataError(
        f"two files for split '{split}': {name_few(paths)}",
        where=os.path.commonpath(paths),
        remedy="Keep only the one to use.",
    )
