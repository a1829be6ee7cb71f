"""Layout of an Excel sheet, which its values do not tell: merged cells, hidden rows and columns."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any
from zipfile import BadZipFile, ZipFile

from askattend.errors import name_few

# As Excel and LibreOffice write them.
_MARKS = re.compile(rb'<(?:\w+:)?mergeCell |<(?:\w+:)?(?:row|col)\s[^>]*\bhidden="(?:1|true)"')
_SHEETS = re.compile(r"xl/worksheets/[^/]+\.xml")
Place = tuple[int, int]


@dataclass(frozen=True)
class Layout:
    """Merged cells of a sheet, and what of it is hidden. Rows and columns count from 1.

    Attributes:
        merged: ranges as Excel writes them ("A2:A4"), with their top row and all their rows.
        shared: row and column of a cell without a value of its own → those of the cell whose value
            it shares: of the first column of a merged range.
        hidden_rows: their numbers.
        hidden_columns: their letters.
    """

    merged: Sequence[tuple[str, range, bool]] = ()
    shared: Mapping[Place, Place] = field(default_factory=dict)
    hidden_rows: Sequence[int] = ()
    hidden_columns: Sequence[str] = ()

    @classmethod
    def of(cls, sheet: Any) -> Layout:
        """Read the layout of a sheet that openpyxl has loaded as a whole."""
        from openpyxl.utils import get_column_letter  # of an extra

        ranges = sorted(sheet.merged_cells.ranges, key=lambda each: (each.min_row, each.min_col))
        shared = {
            (row, each.min_col): (each.min_row, each.min_col)
            for each in ranges
            for row in range(each.min_row + 1, each.max_row + 1)
        }
        merged = [
            (each.coord, range(each.min_row, each.max_row + 1), each.max_col > each.min_col)
            for each in ranges
        ]
        rows = sorted(n for n, row in sheet.row_dimensions.items() if row.hidden)
        columns = [
            name if column.max == column.min else f"{name}:{get_column_letter(column.max)}"
            for name, column in sorted(sheet.column_dimensions.items())
            if column.hidden
        ]
        return cls(merged, shared, rows, columns)

    def filled(self, number: int, cells: Sequence[Any], above: Mapping[Place, Any]) -> list[Any]:
        """Return a row's cells, those of merged ranges with the value that they share.

        Args:
            number: the row's.
            cells: their own values.
            above: values of the cells that are shared.
        """
        return [
            above.get(self.shared.get((number, column), (0, 0)), cell) if cell is None else cell
            for column, cell in enumerate(cells, start=1)
        ]

    def notes(self, header: int) -> Iterator[str]:
        """Tell what of the rows below the header a reader may not expect.

        Args:
            header: number of its row.
        """
        below = [each for each in self.merged if each[1][-1] > header]
        if down := [name for name, rows, _ in below if len(rows) > 1]:
            yield f"merged cells are read as if each of their rows held the value: {name_few(down)}"
        if across := [name for name, _, wide in below if wide]:
            yield f"cells merged across columns are read as the first alone: {name_few(across)}"
        if rows := [number for number in self.hidden_rows if number > header]:
            which = "1 hidden row is" if len(rows) == 1 else f"{len(rows):,} hidden rows are"
            yield f"{which} read like any other: {name_few(rows)}"
        if self.hidden_columns:
            which = "a hidden column is" if len(self.hidden_columns) == 1 else "hidden columns are"
            yield f"{which} read like any other: {name_few(self.hidden_columns)}"


def has_layout(content: bytes) -> bool:
    """Tell if a workbook has merged cells, hidden rows or columns, without loading its values."""
    try:
        with ZipFile(BytesIO(content)) as packed:
            sheets = filter(_SHEETS.fullmatch, packed.namelist())
            return any(_MARKS.search(packed.read(name)) for name in sheets)
    except (BadZipFile, OSError, RuntimeError, ValueError):
        return False  # openpyxl says what is wrong with it
