"""A row of a table, and what CSV and Excel make of its cells alike."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

SEPARATOR = "|"


@dataclass(frozen=True)
class Row:
    """A row of a table as its format holds it.

    Attributes:
        where: the file and line (or position in a list) it starts at, for messages.
        cells: column → cell; columns as `headings.Headings` reads them. Text in CSV and TSV,
            except that `answers` is a list and an `id` of digits a number; in Excel also numbers
            and true or false among answers; any JSON value in JSON.
    """

    where: str
    cells: Mapping[str, object]


def from_texts(texts: Mapping[str, object], where: str) -> Row:
    """Make a row of a format that has no lists: `answers` are divided, an id of digits a number."""
    cells = {name: cell for name, cell in texts.items() if name}
    answers, identifier = cells.get("answers"), cells.get("id")
    if isinstance(answers, str) and answers:
        cells["answers"] = answers.split(SEPARATOR)
    # "007" stays text, so that ids come out as they went in; so does what overflows 64 bits.
    if isinstance(identifier, str) and re.fullmatch(r"0|[1-9][0-9]{0,17}", identifier):
        cells["id"] = int(identifier)
    return Row(where, cells)


def kind_of(cell: object) -> str:
    """Name the type of a cell in words."""
    kinds = {str: "text", bool: "true or false", int: "a number", float: "a number", list: "a list"}
    return "blank" if cell is None else kinds.get(type(cell), "an object")
