"""The rows of a table file, whatever its format: CSV, TSV, JSON Lines or JSON."""

from __future__ import annotations

import csv
import io
import json
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from askattend.data.text import read_utf8
from askattend.errors import DataError, closest

REQUIRED = ("image", "question")
COLUMNS = frozenset((*REQUIRED, "answer", "answers", "split", "id", "question_type", "answer_type"))
_SEPARATOR = "|"


@dataclass(frozen=True)
class Row:
    """A row of a table as its format holds it.

    Attributes:
        where: the file and line (or position in a list) it starts at, for messages.
        cells: column → cell; the names of `COLUMNS` in lower case. Text in CSV and TSV,
            except that `answers` is a list and an `id` of digits a number; any JSON value in JSON.
    """

    where: str
    cells: Mapping[str, object]


def read_rows(file: Path) -> list[Row]:
    """Read all rows of a table, at least one.

    Raises:
        DataError: the extension is unknown, or the file is unreadable, malformed or empty.
    """
    read = _FORMATS.get(_extension(file))
    if read is None:
        raise DataError(
            f"a table cannot have the extension '{_extension(file)}'",
            where=file,
            remedy=f"Use one of {', '.join(_FORMATS)}.",
        )
    rows = list(read(file))
    if not rows:
        raise DataError("the table is empty", where=file, remedy="Give it a row a question.")
    return rows


def _extension(file: Path) -> str:
    """Return a file's extension in lower case; of a packed table, that before ``.gz``."""
    name = file.name.lower().removesuffix(".gz")
    return Path(name).suffix


def need_column(column: str, columns: Collection[str], where: str) -> None:
    """Raise `DataError` with a hint if `column` is not among `columns`."""
    if column not in columns:
        present = ", ".join(f"'{name}'" for name in columns)
        # A column that is known already cannot be a misspelt one.
        close = closest(column, [name for name in columns if name not in COLUMNS])
        raise DataError(
            f"no column '{column}' among {present}" if present else "no columns",
            where=where,
            remedy=f"Rename '{close}' to '{column}'."
            if close
            else f"Add it, or rename the column that holds it to '{column}'.",
        )


def _names(names: Sequence[str], where: str) -> list[str]:
    """Write the names of `COLUMNS` in lower case unless another is written so already.

    Raises:
        DataError: two are the same.
    """
    stripped = [name.strip() for name in names]
    known = [
        name.lower() if name.lower() in COLUMNS and name.lower() not in stripped else name
        for name in stripped
    ]
    twice = [name for name, count in Counter(known).items() if name and count > 1]
    if twice:
        raise DataError(f"two columns are called '{twice[0]}'", where=where, remedy="Rename one.")
    return known


def kind_of(cell: object) -> str:
    """Name the type of a cell in words."""
    kinds = {str: "text", bool: "true or false", int: "a number", float: "a number", list: "a list"}
    return "blank" if cell is None else kinds.get(type(cell), "an object")


def _read_csv(file: Path) -> Iterator[Row]:
    """Yield the rows under a header; blank lines are skipped."""
    text = read_utf8(file)
    delimiter = "\t" if _extension(file) == ".tsv" else _separator(text)
    lines = _csv_lines(file, text, delimiter)
    where, header = next(lines, (str(file), []))
    header = _names(header, where)
    for column in REQUIRED if header else ():
        need_column(column, header, where)
    for where, fields in lines:
        # A short row would leave cells blank without a word; csv.DictReader does just that.
        if len(fields) != len(header):
            raise DataError(
                f"{len(fields)} fields under a header of {len(header)}",
                where=where,
                remedy=f"Put a field that holds '{delimiter}' in double quotes."
                if len(fields) > len(header)
                else f"Write '{delimiter}' between all {len(header)}, blank ones included.",
            )
        yield Row(where, _csv_cells(header, fields))


def _separator(text: str) -> str:
    """Return the separator: a comma, or a semicolon where the header has that and no comma.

    Spreadsheets write semicolons wherever a comma is the decimal sign.
    """
    header = next((line for line in text.splitlines() if line.strip()), "")
    return ";" if ";" in header and "," not in header else ","


def _csv_lines(file: Path, text: str, delimiter: str) -> Iterator[tuple[str, list[str]]]:
    """Yield where each row starts (a quoted field may hold line ends), and its fields."""
    # strict: or quotes in the middle of a field would be read as if nothing was wrong.
    reader = csv.reader(io.StringIO(text), delimiter=delimiter, strict=True)
    while True:
        where = f"{file}:{reader.line_num + 1}"
        try:
            fields = next(reader, None)
        except csv.Error as error:
            raise DataError(
                f"malformed row ({error})",
                where=where,
                remedy="Put a field that holds quotes in double quotes, and double those inside.",
            ) from None
        if fields is None:
            return
        # Spreadsheets leave rows of separators at the end.
        if any(field.strip() for field in fields):
            yield where, fields


def _csv_cells(header: Sequence[str], fields: Sequence[str]) -> dict[str, object]:
    texts = {n: field.strip() for n, field in zip(header, fields, strict=True) if n}
    cells: dict[str, object] = dict(texts)
    if texts.get("answers"):
        cells["answers"] = texts["answers"].split(_SEPARATOR)
    # "007" stays text, so that ids come out as they went in; so does what overflows 64 bits.
    if re.fullmatch(r"0|[1-9][0-9]{0,17}", texts.get("id", "")):
        cells["id"] = int(texts["id"])
    return cells


def _read_json_lines(file: Path) -> Iterator[Row]:
    for number, line in enumerate(read_utf8(file).split("\n"), start=1):
        if line.strip():
            where = f"{file}:{number}"
            yield Row(where, _object(_parse(line, file, number), where))


def _read_json(file: Path) -> Iterator[Row]:
    rows = _parse(read_utf8(file), file, 1)
    if not isinstance(rows, list):
        raise DataError(
            "the file does not hold a list",
            where=file,
            remedy="Write a list of objects, or one object a line in a .jsonl file.",
        )
    for index, row in enumerate(rows):
        where = f"{file}[{index}]"
        yield Row(where, _object(row, where))


def _parse(text: str, file: Path, first_line: int) -> object:
    try:
        # NaN is how pandas writes a missing cell.
        value = json.loads(text, parse_constant=lambda _: None)
        json.dumps(value, ensure_ascii=False).encode()  # half a character ("\\ud83d") is no text
        return value
    except UnicodeEncodeError as error:
        raise DataError(
            f"half a character: {error.object[error.start : error.end]!r}",
            where=f"{file}:{first_line}" if first_line > 1 else file,
            remedy="Mend it there.",
        ) from None
    except json.JSONDecodeError as error:
        raise DataError(
            f"malformed JSON: {error.msg} at column {error.colno}",
            where=f"{file}:{first_line + error.lineno - 1}",
            remedy="Mend it there.",
        ) from None


def _object(row: object, where: str) -> dict[str, object]:
    if not isinstance(row, dict):
        raise DataError(
            f"the row is {kind_of(row)}, not an object",
            where=where,
            remedy='Write {"image": …, "question": …, "answer": …}.',
        )
    return dict(zip(_names(list(row), where), row.values(), strict=True))


_FORMATS: Mapping[str, Callable[[Path], Iterator[Row]]] = {
    ".csv": _read_csv,
    ".tsv": _read_csv,
    ".jsonl": _read_json_lines,
    ".ndjson": _read_json_lines,
    ".json": _read_json,
}
EXTENSIONS: Collection[str] = _FORMATS.keys()
