"""The rows of text that commas, semicolons, tabs or other signs divide."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from askattend.data.readers.error_collector import Mistakes
from askattend.data.readers.headings import MOST_TITLES, Headings, is_known, title_note
from askattend.data.readers.row import Row, from_texts
from askattend.errors import DataError

_DELIMITERS = (",", ";", "\t", "|")
# Excel's own first line, which says what divides the others.
_SAID = re.compile(r'"?sep=(.)"?[,;\t]*\n', re.IGNORECASE)
_NAMES = {"\t": "a tab"}


def read_csv(
    file: Path,
    text: str,
    headings: Headings,
    *,
    usual: str,
    notes: list[str],
    mistakes: Mistakes,
) -> Iterator[Row]:
    """Yield the rows under a header; blank lines are skipped.

    Args:
        file: for messages.
        text: of the file.
        headings: reads the header.
        usual: what divides files of its name, unless the header tells otherwise.
        notes: gets one where titles stand above the headings.
        mistakes: get columns that are missing, and rows of too many or too few cells.

    Raises:
        DataError: quotes are malformed, or two columns have one name.
    """
    # Where files were joined, the mark that began the second would be part of a name, unseen.
    text = text.replace("\n\ufeff", "\n")
    said = _SAID.match(text)
    passed = said.end() if said is not None else 0
    delimiters = (said[1],) if said is not None else _DELIMITERS
    if titles := _titles(text[passed:], headings, delimiters):
        shown = (line.strip(f' \n"{"".join(delimiters)}') for line in titles)
        notes.append(title_note([line for line in shown if line]))
        passed += sum(len(line) for line in titles)
    delimiter = said[1] if said is not None else _delimiter(text[passed:], usual)
    lines = _lines(file, text[passed:], delimiter, skipped=text[:passed].count("\n"))
    where, header = next(lines, (str(file), []))
    names = headings.read(header, where)
    headings.require(header, names, where, mistakes)
    for where, fields in lines:
        # A short row would leave cells blank without a word; csv.DictReader does just that.
        if len(fields) != len(names):
            mistakes.add_row(_uneven(len(fields), len(names), delimiter, where), where)
            continue
        cells = {n: field.strip() for n, field in zip(names, fields, strict=True)}
        yield from_texts(cells, where)


def _uneven(fields: int, columns: int, delimiter: str, where: str) -> DataError:
    sign = _NAMES.get(delimiter, f"'{delimiter}'")
    remedy = (
        f"Put a field that holds {sign} in double quotes, or delete the row."
        if fields > columns
        else f"Write {sign} between all {columns}, blank ones included, or delete the row."
    )
    problem = f"{fields} fields under a header of {columns}"
    return DataError(problem, where=where, remedy=remedy)


def _titles(text: str, headings: Headings, delimiters: Sequence[str]) -> list[str]:
    """List the lines above the headings, blank ones included; none where these come first."""
    lines = list(islice(io.StringIO(text), MOST_TITLES))
    for at, line in enumerate(lines):
        if any(headings.are(_fields(line, delimiter)) for delimiter in delimiters):
            return _from_first(lines[:at])
    # None has all columns: what is missing is told of the line that is most like headings.
    rows = [max((_fields(line, sign) for sign in delimiters), key=len) for line in lines]
    return _from_first(lines[: headings.likeliest(rows)])


def _from_first(lines: list[str]) -> list[str]:
    return lines if any(map(str.strip, lines)) else []


def _fields(line: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:  # said with its line when the row is read
        return []


def _delimiter(text: str, usual: str) -> str:
    """Return what divides the header into most columns that are known; the usual one, if as many.

    Spreadsheets write semicolons wherever a comma is the decimal sign, and tabs where text is
    copied.
    """
    header = next((line for line in text.splitlines() if line.strip()), "")

    def columns(delimiter: str) -> tuple[int, int, bool]:
        names = _fields(header, delimiter)
        return sum(map(is_known, names)), len(names), delimiter == usual

    return max(_DELIMITERS, key=columns) if header else usual


def _lines(
    file: Path, text: str, delimiter: str, *, skipped: int
) -> Iterator[tuple[str, list[str]]]:
    """Yield where each row starts (a quoted field may hold line ends), and its fields."""
    # strict: or quotes in the middle of a field would be read as if nothing was wrong.
    reader = csv.reader(io.StringIO(text), delimiter=delimiter, strict=True)
    while True:
        where = f"{file}:{reader.line_num + 1 + skipped}"
        try:
            fields = next(reader, None)
        except csv.Error as error:
            raise _malformed(error, where) from None
        if fields is None:
            return
        # Spreadsheets leave rows of separators at the end.
        if any(field.strip() for field in fields):
            yield where, fields


def _malformed(error: csv.Error, where: str) -> DataError:
    if "field larger" in str(error):
        problem = f"a cell of more than {csv.field_size_limit():,} characters"
        remedy = "Shorten it, or close the double quotes that it begins with."
        return DataError(problem, where=where, remedy=remedy)
    return DataError(
        f"malformed row ({error})",
        where=where,
        remedy="Put a field that holds quotes in double quotes, and double those inside.",
    )
