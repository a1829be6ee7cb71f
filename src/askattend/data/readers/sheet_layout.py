"""Layout of an Excel sheet, which its values do not tell: merged cells, hidden rows and columns.

It is read from the sheet's XML. openpyxl tells it only of a sheet that it holds as a whole, where
a merged range of a million cells takes as many objects.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BufferedIOBase
from typing import Any, NamedTuple

from askattend.errors import name_few

# Excel's own limit.
MOST_ROWS = 2**20
_MOST_MERGED = 2**19
_TOGETHER = 2**20
_TAG = re.compile(rb"<(?:\w+:)?(mergeCell|row|col)\s([^<>]*)>")
_ATTRIBUTE = re.compile(rb"""\b(ref|r|hidden|min|max)\s*=\s*["']([^"']*)["']""")


class Merged(NamedTuple):
    """A merged range: as Excel writes it ("A2:A4"), and its ends. All count from 1."""

    name: str
    left: int
    top: int
    right: int
    bottom: int


@dataclass(frozen=True)
class Layout:
    """Merged cells of a sheet, and what of it is hidden.

    Attributes:
        merged: from the top.
        hidden_rows: their numbers, from 1.
        hidden_columns: their letters.
    """

    merged: Sequence[Merged] = ()
    hidden_rows: Sequence[int] = ()
    hidden_columns: Sequence[str] = ()

    @classmethod
    def of(cls, sheet: BufferedIOBase) -> Layout:
        """Read the layout from a sheet's XML.

        Raises:
            ValueError: it is malformed, or more than Excel itself would make.
        """
        merged, rows, columns, number = [], [], [], 0
        for kind, attributes in _tags(sheet):
            hidden = attributes.get("hidden", "") in ("1", "true")
            if kind == "row":
                number = int(attributes.get("r", number + 1))
                rows += [number] if hidden else []
            elif kind == "col":
                columns += [_letters(attributes)] if hidden else []
            elif "ref" in attributes:
                merged.append(_merged(attributes["ref"]))
            if len(merged) > _MOST_MERGED or len(rows) > MOST_ROWS or len(columns) > MOST_ROWS:
                raise ValueError("more merged or hidden parts than a sheet has")
        return cls(sorted(merged, key=lambda one: (one.top, one.left)), rows, columns)

    def notes(self, header: int) -> Iterator[str]:
        """Tell what of the rows below the header a reader may not expect.

        Args:
            header: number of its row.
        """
        below = [one for one in self.merged if one.bottom > header]
        if down := [one.name for one in below if one.bottom > one.top]:
            yield f"merged cells are read as if each of their rows held the value: {name_few(down)}"
        if across := [one.name for one in below if one.right > one.left]:
            yield f"cells merged across columns are read as the first alone: {name_few(across)}"
        if rows := [number for number in self.hidden_rows if number > header]:
            which = "1 hidden row is" if len(rows) == 1 else f"{len(rows):,} hidden rows are"
            yield f"{which} read like any other: {name_few(rows)}"
        if self.hidden_columns:
            which = "a hidden column is" if len(self.hidden_columns) == 1 else "hidden columns are"
            yield f"{which} read like any other: {name_few(self.hidden_columns)}"


class MergedRows:
    """Rows in their order as Excel shows them, and with the values that they share with others.

    Args:
        merged: of the sheet, from the top.

    Attributes:
        work: how many ranges were looked at for the last row.
    """

    def __init__(self, merged: Sequence[Merged]) -> None:
        self._next = list(reversed(merged))
        # Those that reach into the row, none over another, with the value of their first cell.
        self._open: list[tuple[Merged, Any]] = []
        self.work = 0

    def read(self, number: int, cells: Sequence[Any]) -> tuple[Sequence[Any], Sequence[Any]]:
        """Return a row's own cells, and those with what is merged: the value of a range's first
        cell stands in its first column, in each of its rows.

        Args:
            number: the row's, from 1; none may be left out.
            cells: their values, of which Excel hides all but the first of a range.
        """
        if not self._next and not self._open:
            return cells, cells
        self._begin(number, cells)
        own, filled = list(cells), list(cells)
        for one, value in self._open:
            hidden = range(one.left - (number > one.top), min(one.right, len(cells)))
            for column in hidden:
                own[column] = filled[column] = None
            if value is not None:
                filled += [None] * (one.left - len(filled))
                filled[one.left - 1] = value
        return own, filled

    def _begin(self, number: int, cells: Sequence[Any]) -> None:
        """Take what ends above the row off those that reach into it, and add what begins there."""
        self._open = [each for each in self._open if each[0].bottom >= number]
        self.work = len(self._open)
        while self._next and self._next[-1].top <= number:
            new = self._next.pop()
            value = cells[new.left - 1] if new.left <= len(cells) else None
            apart = [e for e in self._open if e[0].right < new.left or e[0].left > new.right]
            self._open = [*apart, (new, value)]
            self.work += len(self._open)


def _tags(sheet: BufferedIOBase) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield rows, columns and merged cells with their attributes; the XML is never held whole."""
    rest = b""
    while read := sheet.read(_TOGETHER):
        text, start, rest = (rest + read).rpartition(b"<")
        rest = start + rest
        yield from map(_described, _TAG.finditer(text))
        if len(rest) > _TOGETHER:
            raise ValueError("a tag without end")
    yield from map(_described, _TAG.finditer(rest))


def _described(tag: re.Match[bytes]) -> tuple[str, dict[str, str]]:
    attributes = {name.decode(): value.decode() for name, value in _ATTRIBUTE.findall(tag[2])}
    return tag[1].decode(), attributes


def _letters(column: dict[str, str]) -> str:
    from openpyxl.utils import get_column_letter  # of an extra

    first, last = (get_column_letter(int(column.get(end, 1))) for end in ("min", "max"))
    return first if first == last else f"{first}:{last}"


def _merged(name: str) -> Merged:
    from openpyxl.utils import range_boundaries  # of an extra

    left, top, right, bottom = (end or 1 for end in range_boundaries(name))
    return Merged(name, left, top, right, min(bottom, MOST_ROWS))
