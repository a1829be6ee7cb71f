"""Pages of a Parquet file, as far as their headers tell what will come of them.

A file's footer says how large columns are, but what is allocated is what each page says of itself:
up to 2 GiB, whatever the footer has. So the pages' headers are read before Arrow sees any.
The format: Apache Parquet, parquet.thrift and Encodings.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

from askattend.data.readers.thrift_compact import FALSE, I32, STRUCT, Fields, read_struct

# How values are kept: as they are; by numbers of what repeats; by lengths apart, or by what a value
# shares with the one before.
PLAIN, BY_NUMBER, LENGTHS, SHARED = 0, (2, 8), 6, 7
_DATA, _REPEATING, _DATA_2 = 0, 2, 3
_SHORT, _LONGEST = 2**12, 2**24  # of a header; Arrow reads none that is longer
# More than any writer makes of one column of a group of rows.
MOST_PAGES = 200_000


@dataclass(frozen=True, slots=True)
class Page:
    """A page, as its header says.

    Attributes:
        at: byte of the file at which its content begins.
        packed: bytes of that.
        unpacked: bytes once it is unpacked.
        repeats: True for that of the values that repeat.
        values: in it.
        kept: see above.
        levels: bytes at its beginning, never packed, that tell which value is of which row; None
            where they are packed with the rest, and tell their own length.
        is_packed: False where nothing of it is packed, whatever the column is.
    """

    at: int
    packed: int
    unpacked: int
    repeats: bool
    values: int
    kept: int
    levels: int | None
    is_packed: bool


def pages_of(opened: BinaryIO, column: Any) -> list[Page]:
    """Read the headers of a column's pages.

    Args:
        opened: the file.
        column: pyarrow's description of the column in a group of rows.

    Raises:
        ValueError: it is damaged.
    """
    return list(_pages(opened, column))


def _pages(opened: BinaryIO, column: Any) -> Iterator[Page]:
    at, repeating = column.data_page_offset, column.dictionary_page_offset
    if repeating is not None and 0 < repeating < at:
        at = repeating
    end = at + column.total_compressed_size
    if at < 0 or end < at:
        raise ValueError("a column lies outside of it")
    for _ in range(MOST_PAGES):
        if at >= end:
            return
        header, begins = _header(opened, at)
        page = _page(header, begins)
        if page is not None:
            yield page
        at = begins + _number(header, 3)
    raise ValueError(f"a column has more than {MOST_PAGES:,} pages")


def _page(header: Fields, at: int) -> Page | None:
    """Describe a page by its header; None for one that holds no values."""
    kind, packed, unpacked = _number(header, 1), _number(header, 3), _number(header, 2)
    larger = max(packed, unpacked)
    if kind == _REPEATING:
        about = header.get((7, STRUCT), {})
        return Page(at, packed, larger, True, _number(about, 1), PLAIN, None, True)
    if kind == _DATA:
        about = header.get((5, STRUCT), {})
        values, kept = _number(about, 1), _number(about, 2)
        return Page(at, packed, larger, False, values, kept, None, True)
    if kind == _DATA_2:
        about = header.get((8, STRUCT), {})
        values, kept = _number(about, 1), _number(about, 4)
        levels = _number(about, 5) + _number(about, 6)
        return Page(at, packed, larger, False, values, kept, levels, (7, FALSE) not in about)
    return None


def _number(fields: Fields, number: int) -> int:
    found: int = fields.get((number, I32), 0)
    if found < 0:
        raise ValueError("a page is of a negative length")
    return found


def _header(opened: BinaryIO, at: int) -> tuple[Fields, int]:
    """Read the header of the page at a place, and tell where the page itself begins."""
    length = _SHORT
    while True:
        opened.seek(at)
        content = opened.read(length)
        try:
            header, size = read_struct(content)
            return header, at + size
        except IndexError:
            # Longer, by the statistics in it; or there is no more of the file.
            if len(content) < length or length >= _LONGEST:
                raise ValueError("a page's header is cut off") from None
            length *= 16
