"""The rows of one Parquet or Arrow file: a question each, and where its picture lies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec
from msgspec.structs import replace

from askattend.data.extra_columns import PAIRS, POSITION, SUBSETS
from askattend.data.questions import Question, QuestionId
from askattend.data.readers.arrow_cells import (
    OWN,
    id_of,
    image_id_of,
    named_labels,
    question_of,
)
from askattend.data.readers.arrow_expanded import expanded_size
from askattend.data.readers.arrow_files import ArrowFile, open_arrow, reading
from askattend.data.readers.arrow_images import unpack_pictures
from askattend.data.readers.arrow_limits import grows
from askattend.data.readers.cells import refuse_address
from askattend.data.readers.error_collector import each_of
from askattend.data.readers.headings import COLUMNS, REQUIRED, Headings, need_column
from askattend.data.readers.parquet_groups import TOGETHER
from askattend.data.readers.row import Row
from askattend.errors import DataError

# So many rows at once, of texts.
_ROWS = 64
_NOT_READ = ("image", "located_at")
_NOTHING: Mapping[str, Any] = MappingProxyType({})


# Not a dataclass, and unknown to the garbage collector, as a question is: there may be a million.
class ArrowRow(msgspec.Struct, frozen=True, gc=False):
    """A row.

    Attributes:
        source: its file.
        number: its place there, from 0.
        question: it asks, without an id or image.
        id: of the question; None where the row has none.
        image_id: what the row calls its picture; None where it does not.
        file: where the picture lies that the row holds; None where it holds a path alone.
        path: what the row says of where its picture lies, or lay; ``""`` where it does not.
        more: other cells that no other program writes.
    """

    source: Path
    number: int
    question: Question
    id: QuestionId | None
    image_id: str | None
    file: Path | None
    path: str
    more: Mapping[str, Any]

    @property
    def where(self) -> str:
        """The file and the row's number, for messages."""
        return f"{self.source}[{self.number}]"


def rows_of(file: Path, split: str, headings: Headings, names: dict[str, None]) -> list[ArrowRow]:
    """Read all rows of a file; pictures within are unpacked.

    Args:
        file: Parquet or Arrow.
        split: that its rows are of, unless they say otherwise.
        headings: reads the columns' names.
        names: gets these names.

    Raises:
        DataError: the file is damaged, lacks a column, or rows are malformed.
    """
    with open_arrow(file) as opened:
        own = opened.names
        known = dict(zip(headings.read(own, str(file)), own, strict=True))
        names |= dict.fromkeys(own)
        for column in REQUIRED:
            need_column(column, list(known), str(file))
        folder, pictures = unpack_pictures(opened, known["image"])
        wanted = {
            column: name
            for column, name in known.items()
            if column in (*COLUMNS, *OWN) and column not in _NOT_READ
        }
        made = each_of(enumerate(_cells(opened, wanted)), lambda each: _row(file, *each, split))
        if len(made) != len(pictures.of_row):  # replaced while it was read
            raise DataError("has changed", where=file, remedy="Read it again.")
        files = [folder / name for name in pictures.files]
        return [
            _with_picture(row, None if at < 0 else files[at], path)
            for row, at, path in zip(made, pictures.of_row, pictures.paths, strict=True)
        ]


def _cells(opened: ArrowFile, wanted: Mapping[str, str]) -> Iterator[Row]:
    features, number = opened.features(), 0
    for batch in opened.batches(list(wanted.values()), _ROWS):
        with reading(opened.path):
            values = {
                column: _values(batch.column(at), features.get(name), opened.path, name)
                for at, (column, name) in enumerate(wanted.items())
            }
        for row in range(batch.num_rows):
            cells = {column: several[row] for column, several in values.items()}
            yield Row(f"{opened.path}[{number}]", cells)
            number += 1


def _values(array: Any, feature: Any, file: Path, name: str) -> list[Any]:
    """Return a column as Python's values; of what repeats, each is made once."""
    if not hasattr(array, "dictionary"):
        return [named_labels(each, feature) for each in _listed(array, file, name)]
    used = array.indices.unique().drop_null()
    values = _listed(array.dictionary.take(used), file, name)
    once = dict(zip(used.to_pylist(), (named_labels(v, feature) for v in values), strict=True))
    return [None if at is None else once[at] for at in array.indices.to_pylist()]


def _listed(array: Any, file: Path, name: str) -> list[Any]:
    """Make some rows of a column Python's values, unless more comes of them than of any table."""
    try:
        size = expanded_size(array)
    except TypeError as error:
        problem = f"the column '{name}' holds {error}, which is not read"
        raise DataError(problem, where=file, remedy="Write it as texts or numbers.") from None
    if size > TOGETHER:
        raise grows(file, f"some rows of the column '{name}' grow", size)
    found: list[Any] = array.to_pylist()
    return found


def _row(file: Path, number: int, row: Row, split: str) -> ArrowRow:
    cells = row.cells
    more = {
        column: cells[column]
        for column in (PAIRS, SUBSETS, POSITION)
        if cells.get(column) is not None
    }
    question = question_of(cells, row.where, split=split)
    identifier = id_of(cells, row.where)
    name = image_id_of(cells)
    return ArrowRow(file, number, question, identifier, name, None, "", more or _NOTHING)


def _with_picture(row: ArrowRow, file: Path | None, path: str | None) -> ArrowRow:
    """Return a row with its picture.

    Raises:
        DataError: it has none, or an address alone.
    """
    if file is None:
        if not path:
            remedy = "Leave the row out, or name the column that holds it: --columns image=NAME."
            raise DataError("the image is blank", where=row.where, remedy=remedy)
        refuse_address(path, row.where)
    # Written on Windows, maybe: the id of an image is the same on every machine.
    place = (path or "").replace("\\", "/")
    return replace(row, file=file, path=place)
