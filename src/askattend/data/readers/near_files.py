"""Files whose names are nearly those that a table has for its images."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import islice
from pathlib import Path

from askattend.data.readers.folders import files_below
from askattend.errors import MOST_NAMED


def near_files(missing: Iterable[Path], folder: Path) -> str:
    """Tell which files the first few missing images may be: ``"A.PNG may be a.png"``.

    A file is near that differs in capitals or has an ending that the table leaves out; for a path
    of another machine, the file of that name in the table's folder; or else one in a folder below
    that.

    Args:
        missing: files that are not there.
        folder: the table's.
    """

    @cache
    def names(place: Path) -> list[str]:
        try:
            return sorted(os.listdir(place))
        except OSError:
            return []

    @cache
    def below() -> dict[str, list[str]]:
        return files_below(folder)

    def pairs() -> Iterator[str]:
        for file in islice(missing, MOST_NAMED):
            place = file.parent if file.parent.is_dir() else folder
            found = [place / name for name in names(place) if _near(file.name, name)]
            if not found:
                found = [
                    Path(inner, name)
                    for name, inners in below().items()
                    if _near(file.name, name)
                    for inner in inners
                ]
            # Of two, nobody knows which is meant.
            if len(found) == 1:
                yield f"{file.name} may be {os.path.relpath(found[0], folder)}"

    return "; ".join(pairs())


def _near(written: str, name: str) -> bool:
    asked, there = written.casefold(), name.casefold()
    return asked in (there, os.path.splitext(there)[0])
