"""The rows of a sheet of an Excel workbook, by openpyxl."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from itertools import chain, islice
from pathlib import Path
from typing import Any
from zipfile import ZipFile

from askattend.data.readers.error_collector import Mistakes
from askattend.data.readers.headings import MOST_TITLES, Headings, title_note
from askattend.data.readers.reader import written_options
from askattend.data.readers.row import Row, from_texts
from askattend.data.readers.sheet_layout import MOST_ROWS, Layout, MergedRows
from askattend.errors import DataError, closest
from askattend.files import open_plain, read_bytes
from askattend.files.archives import require_true_sizes
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


def read_sheet(
    file: Path, headings: Headings, notes: list[str], *, sheet: str, mistakes: Mistakes
) -> Iterator[Row]:
    """Yield the rows under a sheet's header; blank ones are skipped.

    It is the sheet that is named; or the first that has any rows; or, where that has no headings of
    questions, the only other one that has them.

    Args:
        file: the workbook.
        headings: reads the header.
        notes: gets one where there are other sheets, titles above the headings, merged cells or
            hidden rows and columns.
        sheet: its name; ``""`` where none is named.
        mistakes: get columns that are missing, and rows with cells beyond the headings.

    Raises:
        DataError: openpyxl is not installed, there is no such sheet, or the workbook is damaged,
            of an old format or protected by a password.
    """
    book = _open(file)
    with closing(book), _damage(file):
        chosen, others = _chosen(book, file, headings, sheet)
        if chosen is None:
            return
        if others and not sheet:
            notes.append(_only(file, chosen, others))
        lines = _below_titles(_lines(file, chosen), headings, notes)
        where, header = next(lines)
        texts = _texts(header)
        names = headings.read(texts, f"{where}{_named(chosen, others)}")
        headings.require(texts, names, f"{where}{_named(chosen, others)}", mistakes)
        for where, cells in lines:
            beyond = cells[len(names) :]
            if any(cell is not None for cell in beyond):
                problem = f"{len(cells)} cells under a header of {len(names)}"
                remedy = "Give each column a heading, or delete the row."
                mistakes.add_row(DataError(problem, where=where, remedy=remedy), where)
                continue
            padded = (*cells, *(None for _ in names[len(cells) :]))
            values = {n: _cell(n, cell) for n, cell in zip(names, padded, strict=False)}
            yield from_texts(values, where)


def _chosen(
    book: Any, file: Path, headings: Headings, named: str
) -> tuple[Any | None, Sequence[Any]]:
    """Choose the sheet to read, and list the others that are not blank.

    Raises:
        DataError: there is none of the name, or the first has no headings and several others do.
    """
    sheets = [sheet for sheet in book.worksheets if any(_filled(sheet))]
    # A hidden one is rarely what somebody sees as the table.
    sheets.sort(key=lambda sheet: sheet.sheet_state != "visible")
    if named:
        chosen = _of_name(sheets, named, file)
    else:
        chosen = next(iter(sheets), None)
        fit = [sheet for sheet in sheets if _has_headings(sheet, headings)]
        fit = [sheet for sheet in fit if sheet.sheet_state == "visible"] or fit
        if len(fit) > 1 and fit[0] is not chosen:
            problem = f"the sheets {_titles(fit)} could each be the table"
            raise DataError(problem, where=file, remedy=f"Write {_option(file, fit[0])}.")
        # Where none has all columns, what is missing is told of the sheet that is most like it.
        chosen = fit[0] if fit else max(sheets, key=partial(_known, headings), default=None)
    return chosen, [sheet for sheet in sheets if sheet is not chosen]


def _of_name(sheets: Sequence[Any], named: str, file: Path) -> Any:
    exact = [sheet for sheet in sheets if sheet.title == named]
    alike = [sheet for sheet in sheets if _plain(sheet.title) == _plain(named)]
    if exact or len(alike) == 1:
        return (exact or alike)[0]
    titles = [sheet.title for sheet in sheets]
    close = closest(named, titles)
    remedy = f"Did you mean '{close}'?" if close else f"It has: {_titles(sheets)}."
    raise DataError(f"has no sheet '{named}' that is not blank", where=file, remedy=remedy)


def _plain(title: str) -> str:
    return title.strip().casefold()


def _has_headings(sheet: Any, headings: Headings) -> bool:
    first = islice(_filled(sheet), MOST_TITLES)
    return any(headings.are(_texts(cells)) for _, cells, _ in first)


def _known(headings: Headings, sheet: Any) -> int:
    return max(headings.known(_texts(cells)) for _, cells, _ in islice(_filled(sheet), MOST_TITLES))


def _titles(sheets: Sequence[Any]) -> str:
    return ", ".join(f"'{sheet.title}'" for sheet in sheets)


def _option(file: Path, sheet: Any) -> str:
    return f"table:{file.name}{written_options({'sheet': sheet.title})}"


def _only(file: Path, chosen: Any, others: Sequence[Any]) -> str:
    return (
        f"only the sheet '{chosen.title}' of {file.name} is read, not {_titles(others)}; for "
        f"another write {_option(file, others[0])}"
    )


def _named(chosen: Any, others: Sequence[Any]) -> str:
    """Name a sheet and the others, for mistakes that another sheet may not have."""
    return f" (sheet '{chosen.title}'; ,sheet=NAME reads {_titles(others)})" if others else ""


def _below_titles(
    lines: Iterator[_Line], headings: Headings, notes: list[str]
) -> Iterator[tuple[str, Sequence[Any]]]:
    """Pass over titles above the headings, with a note, and tell of the layout below these."""
    first = list(islice(lines, MOST_TITLES))
    rows = [_texts(line.cells) for line in first]
    # Where none has all columns, what is missing is told of the row that is most like headings.
    at = next((at for at, row in enumerate(rows) if headings.are(row)), headings.likeliest(rows))
    if titles := [text for row in rows[:at] for text in row if text]:
        notes.append(title_note(titles))
    if first:
        notes += first[at].layout.notes(first[at].number)
    for line in chain(first[at:], lines):
        yield line.where, line.cells


def _texts(cells: Sequence[Any]) -> list[str]:
    return ["" if cell is None else str(cell) for cell in cells]


def _lines(file: Path, sheet: Any) -> Iterator[_Line]:
    for number, cells, layout in _filled(sheet):
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
        most = most_unpacked(len(content))
        with ZipFile(BytesIO(content)) as archive:
            moderate = require_true_sizes(archive, most)
        if not moderate:
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
