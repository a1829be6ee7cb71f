"""The files that a table names as its images: which are missing, and which are no pictures."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from askattend.data.readers.error_collector import Mistakes
from askattend.data.readers.folders import NOT_THERE
from askattend.data.readers.near_files import near_files
from askattend.errors import DataError, name_few
from askattend.files import open_plain

# How the usual pictures begin: JPEG, PNG, GIF, BMP and TIFF.
_USUAL = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF8", b"BM", b"II*\0", b"MM\0*")
_FIRST_BYTES = 16


@dataclass(frozen=True)
class TablePictures:
    """The files that a table names as its images.

    Attributes:
        table: the table.
        files: image id → its file.
        rows: image id → where the rows stand that are about it.
    """

    table: Path
    files: Mapping[str, Path]
    rows: Mapping[str, Sequence[str]]

    def tell(self, mistakes: Mistakes, *, required: bool) -> Iterator[str]:
        """Add what is missing, or no picture, to the mistakes in the table; or yield notes of it.

        Args:
            mistakes: get it where it is required, or where there are others, to be told with them.
            required: True where the pictures must be there.
        """
        missing, others = missing_files(self.files), no_pictures(self.files)
        # Where none is there, they lie elsewhere, and no row is at fault.
        if mistakes.skips and len(missing) < len(self.files):
            self._leave_out(missing, "the image does not exist", mistakes)
            self._leave_out(others, "the image is no picture", mistakes)
            return
        if missing and (required or mistakes):
            mistakes.add(self._missing(missing))
        elif missing:
            yield self._missing_note(missing)
        # Alone they stop nobody: features are made of the others, and these are told as broken.
        if others and mistakes:
            mistakes.add(self._no_pictures(others))
        elif others:
            yield self._no_pictures(others).problem

    def _leave_out(self, images: Mapping[str, Path], problem: str, mistakes: Mistakes) -> None:
        for image, path in images.items():
            for where in self.rows[image]:
                mistakes.add_row(DataError(f"{problem}: {path.name}", where=where), where)

    def _missing(self, missing: Mapping[str, Path]) -> DataError:
        near = near_files(missing.values(), self.table.parent)
        named = name_few(missing.values())
        return DataError(
            f"{len(missing):,} of {len(self.files):,} images do not exist: {named}",
            where=self._first(missing),
            remedy=f"Paths are relative to the table's folder, {self.table.parent.resolve()}."
            + (f" Check the names: {near}." if near else "")
            + " Or delete the rows.",
        )

    def _missing_note(self, missing: Mapping[str, Path]) -> str:
        where = f"relative to the table's folder, {self.table.parent.resolve()}"
        count = f"{len(missing):,} of {len(self.files):,}"
        problem = f"{count} {NOT_THERE}: {name_few(missing)} ({where})"
        near = near_files(missing.values(), self.table.parent)
        return f"{problem}; {near}" if near else problem

    def _no_pictures(self, others: Mapping[str, Path]) -> DataError:
        named = name_few(others.values())
        verb = "is no picture" if len(others) == 1 else "are no pictures"
        return DataError(
            f"{len(others):,} of {len(self.files):,} images {verb}, by the first bytes: {named}",
            where=self._first(others),
            remedy="Save each as JPEG or PNG and name that file, or delete the rows.",
        )

    def _first(self, images: Mapping[str, Path]) -> str:
        return self.rows[next(iter(images))][0]


def missing_files(images: Mapping[str, Path]) -> dict[str, Path]:
    """Select the images whose files are not there."""
    return {image: path for image, path in images.items() if not os.path.isfile(path)}


def no_pictures(images: Mapping[str, Path]) -> dict[str, Path]:
    """Select the images whose files are there, and are no pictures by their first bytes.

    One that is damaged further on is not among them: it is told when it is decoded.
    """
    there = ((image, path) for image, path in images.items() if os.path.isfile(path))
    return {image: path for image, path in there if not _could_be_picture(path)}


def _could_be_picture(path: Path) -> bool:
    try:
        with open_plain(path) as opened:
            first = opened.read(_FIRST_BYTES)
        if first.startswith(_USUAL) or (first[:4], first[8:12]) == (b"RIFF", b"WEBP"):
            return True
        # A format that is rarer, if any: its header alone is read.
        with Image.open(path):
            return True
    except UnidentifiedImageError:
        return False
    except Exception:  # a decoder may raise anything, and a file may be locked
        return True
