"""The rows of an Excel workbook's first sheet, by openpyxl."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from io import BytesIO
from itertools import chain, islice
from pathlib import Path
from typing import Any
from zipfile import ZipFile

from askattend.data.readers.headings import (
    MOST_TITLES,
    REQUIRED,
    Headings,
    need_column,
    title_note,
)
from askattend.data.readers.row import Row, from_texts
from askattend.data.readers.sheet_layout import MOST_ROWS, Layout, MergedRows
from askattend.errors import DataError
from askattend.files import open_plain, read_bytes
from askattend.files.reading import most_unpacked, too_large, unpacks_to_much
from askattend.installation import pip_install

_ZIP, _OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
# Of a cell's place come as many empty ones before it as it says.
_MOST_CELLS = 10**8
# In these columns numbers, true and false say what they are; in others they are text.
_VALUES = ("answer", "answers", "id")


@dataclass(frozen=True)
class _Line:
    """A row that is not blank: its place, cells and number, and the sheet's layout."""

    where: str
    cells: Sequence[Any]
    number: int
    layout: Layout


def is_workbook(file: Path) -> bool:
    """Tell Excel's files, of today and before, by their first bytes."""
    try:
        with open_plain(file) as opened:
            return opened.read(4) in (_ZIP, _OLE)
    except OSError:
        return False  # what is wrong with it is told when it is read


def read_sheet(file: Path, headings: Headings, notes: list[str]) -> Iterator[Row]:
    """Yield the rows under the header of the first sheet that has any; blank ones are skipped.

    Args:
        file: the workbook.
        headings: reads the header.
        notes: gets one where there are other sheets, titles above the headings, merged cells or
            hidden rows and columns.

    Raises:
        DataError: openpyxl is not installed, or the workbook is damaged, of an old format or
            protected by a password.
    """
    lines = _below_titles(_lines(file, notes), headings, notes)
    where, header = next(lines, (str(file), ()))
    names = headings.read(_texts(header), where)
    if header:
        headings.require_named([str(cell) for cell in header if cell is not None], where)
    for column in REQUIRED if header else ():
        need_column(column, [name for name in names if name], where)
    for where, cells in lines:
        beyond = cells[len(names) :]
        if any(cell is not None for cell in beyond):
            problem = f"{len(cells)} cells under a header of {len(names)}"
            raise DataError(problem, where=where, remedy="Give each column a heading.")
        padded = (*cells, *(None for _ in names[len(cells) :]))
        texts = {n: _cell(n, cell) for n, cell in zip(names, padded, strict=False)}
        yield from_texts(texts, where)


def _below_titles(
    lines: Iterator[_Line], headings: Headings, notes: list[str]
) -> Iterator[tuple[str, Sequence[Any]]]:
    """Pass over titles above the headings, with a note, and tell of the layout below these."""
    first = list(islice(lines, MOST_TITLES))
    at = next((at for at, line in enumerate(first) if headings.are(_texts(line.cells))), 0)
    if titles := [text for line in first[:at] for text in _texts(line.cells) if text]:
        notes.append(title_note(titles))
    if first:
        notes += first[at].layout.notes(first[at].number)
    for line in chain(first[at:], lines):
        yield line.where, line.cells


def _texts(cells: Sequence[Any]) -> list[str]:
    return ["" if cell is None else str(cell) for cell in cells]


def _lines(file: Path, notes: list[str]) -> Iterator[_Line]:
    book = _open(file)
    with closing(book), _damage(file):
        sheets = [sheet for sheet in book.worksheets if any(_filled(sheet))]
        # A hidden one is rarely what somebody sees as the table.
        sheets.sort(key=lambda sheet: sheet.sheet_state != "visible")
        if len(sheets) > 1:
            names = ", ".join(f"'{sheet.title}'" for sheet in sheets)
            notes.append(f"only the first sheet of {file.name} is read, of {names}")
        for number, cells, layout in _filled(sheets[0]) if sheets else ():
            yield _Line(f"{file}:{number}", cells, number, layout)


def _filled(sheet: Any) -> Iterator[tuple[int, Sequence[Any], Layout]]:
    """Yield the rows that are not blank: number, cells and the sheet's layout."""
    with sheet.parent._archive.open(sheet._worksheet_path) as opened:  # as openpyxl itself does
        layout = Layout.of(opened)
    sheet.reset_dimensions()  # which some programs write wrongly
    merged, count = MergedRows(layout.merged), 0
    for number, cells in enumerate(sheet.iter_rows(values_only=True), start=1):
        own, filled = merged.read(number, cells)
        count += len(filled) + merged.work
        if number > MOST_ROWS or count > _MOST_CELLS:
            raise ValueError(f"more than {MOST_ROWS:,} rows, or {_MOST_CELLS:,} cells")
        # A row that holds nothing but what it shares is no row of the table.
        if any(cell is not None and str(cell).strip() for cell in own):
            yield number, filled, layout


def _open(file: Path) -> Any:
    try:
        import openpyxl
    except ImportError:
        raise DataError(
            "an Excel workbook needs openpyxl, which is not installed",
            where=file,
            remedy=f"Run: {pip_install('excel')}, or save it as CSV UTF-8.",
        ) from None
    content = read_bytes(file)
    if content.startswith(_OLE):
        problem = "a workbook of an old format, or protected by a password"
        raise DataError(problem, where=file, remedy="Save it as .xlsx, without a password.")
    with _damage(file):
        with ZipFile(BytesIO(content)) as archive:
            unpacked = sum(entry.file_size for entry in archive.infolist())
        if unpacked > (most := most_unpacked(len(content))):
            raise unpacks_to_much(most, "workbook", file)
        # data_only: what formulas came to, not the formulas.
        return openpyxl.load_workbook(BytesIO(content), read_only=True, data_only=True)


@contextmanager
def _damage(file: Path) -> Iterator[None]:
    """Turn what comes of a damaged archive, or of XML in it, into one kind of error."""
    try:
        yield
    except DataError:
        raise
    except MemoryError:
        raise too_large(file) from None
    except Exception as error:  # there are many kinds
        problem = f"not a whole Excel workbook ({str(error) or type(error).__name__})"
        raise DataError(problem, where=file, remedy="Save it again as .xlsx.") from None


def _cell(name: str, cell: Any) -> object:
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)
    if isinstance(cell, datetime.date | datetime.time):
        return cell.isoformat()
    if cell is None or (name in _VALUES and isinstance(cell, bool | int | float)):
        return cell
    return str(cell).strip()
