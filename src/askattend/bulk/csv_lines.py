"""Lines of CSV for spreadsheets, in which no text of a stranger's becomes a formula."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterable

CSV_COLUMNS = (
    *("image", "question", "id", "answer", "probability", "sure", "unknown_words"),
    *("unlike_training", "top", "error"),
)
_SEPARATOR = " | "
# Where a cell may begin: where semicolons or tabs divide, also within this text. Wide signs are
# taken for narrow ones in some languages. See OWASP, "CSV Injection".
_FORMULA = re.compile(r"(^|[;\t\r\n])(?=[\s\"]*[=+\-@＝＋－＠])")


def csv_header() -> bytes:
    """Return what the file begins with: Excel's mark of UTF-8, and the headings."""
    return codecs.BOM_UTF8 + csv_line(CSV_COLUMNS)


def csv_line(cells: Iterable[object]) -> bytes:
    """Return a row of cells: None is blank, several texts stand in one cell."""
    line = io.StringIO(newline="")
    csv.writer(line).writerow([_cell(cell) for cell in cells])
    return line.getvalue().encode()


def harmless(text: str) -> str:
    """Put an apostrophe before what a spreadsheet could take for a formula.

    >>> harmless("=1+1"), harmless("-3"), harmless("red")
    ("'=1+1", "'-3", 'red')
    """
    return _FORMULA.sub(r"\1'", text)


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return harmless(_SEPARATOR.join(map(str, value)))
    return harmless(value) if isinstance(value, str) else str(value)
