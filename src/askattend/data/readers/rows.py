"""The rows of a table file, whatever its format: CSV, TSV, JSON Lines, JSON or Excel."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from askattend.data.readers.delimited_rows import read_csv
from askattend.data.readers.error_collector import Mistakes
from askattend.data.readers.headings import Headings
from askattend.data.readers.json_rows import read_json
from askattend.data.readers.row import Row
from askattend.data.readers.sheet_rows import is_workbook, read_sheet
from askattend.data.readers.table_text import read_table_text
from askattend.errors import DataError

# Other formats of spreadsheets, told by name.
# What has pictures within, and readers of its own.
_PICTURES_WITHIN = (".parquet", ".arrow")
_SPREADSHEETS = (".xls", ".xlsb", ".ods", ".numbers")


@dataclass(frozen=True)
class Table:
    """All rows of a table, at least one.

    Attributes:
        rows: in its order.
        notes: what was decided about its encoding, sheet and headings.
    """

    rows: tuple[Row, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Reading:
    """A table while it is read: how, and what is noted on the way."""

    file: Path
    headings: Headings
    encoding: str
    sheet: str
    notes: list[str]
    mistakes: Mistakes

    def text(self) -> str:
        read = read_table_text(self.file, encoding=self.encoding)
        self.notes.extend(read.notes)
        return read.text


def read_rows(
    file: Path,
    columns: Mapping[str, str],
    *,
    encoding: str = "",
    sheet: str = "",
    mistakes: Mistakes | None = None,
) -> Table:
    """Read all rows of a table.

    Args:
        file: where it is.
        columns: column → its heading there, where that is not the column's own name.
        encoding: of its text, where that is neither Unicode nor told apart for certain.
        sheet: of a workbook, where that is not the first that has the columns.
        mistakes: get columns that are missing and rows that are malformed; by default these are
            raised.

    Raises:
        DataError: the extension is unknown, or the file is unreadable, malformed or empty.
    """
    extension = _extension(file)
    read = _FORMATS.get(extension)
    if read is None:
        if extension in _PICTURES_WITHIN:
            kind = extension.removeprefix(".")
            remedy = f"Write {kind}:{file} for it."
            raise DataError("is no table of text", where=file, remedy=remedy)
        spreadsheet = extension in _SPREADSHEETS
        raise DataError(
            f"a table cannot have the extension '{extension}'",
            where=file,
            remedy="Save it as .xlsx, or as CSV UTF-8."
            if spreadsheet
            else f"Use one of {', '.join(_FORMATS)}.",
        )
    if is_workbook(file):  # whatever it is called
        read = _read_sheet
    elif sheet:
        problem = "is no workbook, and has no sheets"
        raise DataError(problem, where=file, remedy="Leave sheet=… out.")
    found = Mistakes() if mistakes is None else mistakes
    headings = Headings(columns)
    reading = _Reading(file, headings, encoding, sheet, [], found)
    rows = tuple(read(reading))
    for column, error in headings.unseen(_columns(rows), str(file)) if rows else ():
        found.add_column(column, error)
    if not rows or mistakes is None:
        found.raise_if_any(file)
    if not rows and not found.left_out:
        raise DataError("the table is empty", where=file, remedy="Give it a row a question.")
    return Table(rows, (*reading.notes, *headings.notes))


def _columns(rows: Collection[Row]) -> list[str]:
    return list(dict.fromkeys(name for row in rows for name in row.cells))


def _extension(file: Path) -> str:
    """Return a file's extension in lower case; of a packed table, that before ``.gz``."""
    name = file.name.lower().removesuffix(".gz")
    return Path(name).suffix


def _read_csv(table: _Reading) -> Iterator[Row]:
    usual = "\t" if _extension(table.file) == ".tsv" else ","
    return read_csv(
        table.file,
        table.text(),
        table.headings,
        usual=usual,
        notes=table.notes,
        mistakes=table.mistakes,
    )


def _read_json(table: _Reading) -> Iterator[Row]:
    lines = _extension(table.file) != ".json"
    return read_json(table.file, table.text(), table.headings, lines=lines)


def _read_sheet(table: _Reading) -> Iterator[Row]:
    return read_sheet(
        table.file, table.headings, table.notes, sheet=table.sheet, mistakes=table.mistakes
    )


_FORMATS: Mapping[str, Callable[[_Reading], Iterator[Row]]] = {
    ".csv": _read_csv,
    ".tsv": _read_csv,
    ".jsonl": _read_json,
    ".ndjson": _read_json,
    ".json": _read_json,
    ".xlsx": _read_sheet,
}
EXTENSIONS: Collection[str] = _FORMATS.keys()
