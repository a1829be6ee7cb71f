"""The rows of JSON: a list of objects, or one object after the other."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from askattend.data.readers.headings import Headings, is_known
from askattend.data.readers.row import Row, kind_of
from askattend.errors import DataError


class _TwiceError(ValueError):
    """A key that is there twice in one object; the last would count, without a word."""


def _object_of(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        counts = Counter(key for key, _ in pairs)
        raise _TwiceError(next(key for key, count in counts.items() if count > 1))
    return found


def _whole_number(digits: str) -> int | float:
    """Read a whole number; of one that no column can hold, what is said of it is enough."""
    return int(digits) if len(digits) <= _MOST_DIGITS else float(digits)


_MOST_DIGITS = 40
_SOLID = re.compile(r"\S")
# NaN is how pandas writes a missing cell.
_READING: Any = {
    "parse_constant": lambda _: None,
    "parse_int": _whole_number,
    "object_pairs_hook": _object_of,
}


def read_json(file: Path, text: str, headings: Headings, *, lines: bool) -> Iterator[Row]:
    """Yield the rows of a list, or of objects that follow each other: it is read as what it is.

    Args:
        file: for messages.
        text: of the file.
        headings: reads the objects' keys.
        lines: True if it is called JSON Lines; it tells what mistakes are mistakes in.

    Raises:
        DataError: it is malformed, or a row is no object.
    """
    whole = _whole(text)
    if isinstance(whole, list):
        yield from _rows_of_list(whole, file, headings)
    elif lines or _is_row(whole) or (whole is None and text.lstrip().startswith("{")):
        yield from _rows_of_lines(text, file, headings)
    else:
        _parse(text, file, 1)  # raises what is wrong with it, if anything is
        raise DataError(
            "the file does not hold a list",
            where=file,
            remedy="Write a list of objects, or one object a line (with pandas: "
            'to_json(orient="records")).',
        )


def _is_row(value: object) -> bool:
    # A column after the other is how pandas writes a frame unless told otherwise.
    columns = isinstance(value, dict) and all(isinstance(cell, dict) for cell in value.values())
    return isinstance(value, dict) and not columns and any(map(is_known, value))


def _rows_of_list(values: list[object], file: Path, headings: Headings) -> Iterator[Row]:
    for index, value in enumerate(values):
        where = f"{file}[{index}]"
        yield Row(where, _object(value, where, headings))


def _rows_of_lines(text: str, file: Path, headings: Headings) -> Iterator[Row]:
    """Yield an object a line; where a line is none, objects that stretch over several."""
    try:
        rows = [
            (f"{file}:{number}", _parse(line, file, number))
            for number, line in enumerate(text.split("\n"), start=1)
            if line.strip()
        ]
    except DataError:
        stretched = _stretched(text)
        if stretched is None:
            raise
        rows = [(f"{file}:{number}", value) for number, value in stretched]
    for where, value in rows:
        yield Row(where, _object(value, where, headings))


def _stretched(text: str) -> list[tuple[int, object]] | None:
    """Read values that follow each other, each with its first line; None if one is malformed."""
    decoder = json.JSONDecoder(**_READING)
    found, at, line = [], 0, 1
    # Looked for from where the last value ends: a copy of the rest each time takes ever longer.
    while (next_value := _SOLID.search(text, at)) is not None:
        begin = next_value.start()
        line += text.count("\n", at, begin)
        try:
            value, end = decoder.raw_decode(text, begin)
        except (ValueError, RecursionError):
            return None
        found.append((line, value))
        line += text.count("\n", begin, end)
        at = end
    return None if _half_character(found) else found


def _whole(text: str) -> object:
    """Return the one value that the text is; None if it is not one."""
    try:
        value: object = json.loads(text, **_READING)
    except (ValueError, RecursionError):
        return None
    return None if _half_character(value) else value


def _parse(text: str, file: Path, first_line: int) -> object:
    try:
        value: object = json.loads(text, **_READING)
    except _TwiceError as error:
        where = f"{file}:{first_line}" if first_line > 1 else file
        raise DataError(f"a row has '{error}' twice", where=where, remedy="Remove one.") from None
    except json.JSONDecodeError as error:
        raise DataError(
            f"malformed JSON: {error.msg} at column {error.colno}",
            where=f"{file}:{first_line + error.lineno - 1}",
            remedy="Mend it there.",
        ) from None
    except RecursionError:
        raise DataError(
            "lists within lists, too deep to be a table", where=f"{file}:{first_line}"
        ) from None
    if half := _half_character(value):
        raise DataError(
            f"half a character: {half!r}",
            where=f"{file}:{first_line}" if first_line > 1 else file,
            remedy="Mend it there.",
        )
    return value


def _half_character(value: object) -> str:
    """Find half a character (``"\\\\ud83d"``), which is no text; ``""`` if there is none."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        return error.object[error.start : error.end]
    return ""


def _object(row: object, where: str, headings: Headings) -> dict[str, object]:
    if not isinstance(row, dict):
        raise DataError(
            f"the row is {kind_of(row)}, not an object",
            where=where,
            remedy='Write {"image": …, "question": …, "answer": …}.',
        )
    return dict(zip(headings.read(list(row), where), row.values(), strict=True))
