"""Groups of rows of a Parquet file, each held to its limits before it is read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

from askattend.data.readers.arrow_limits import Allowance, grows, too_many
from askattend.data.readers.parquet_content import longest_of, require_lengths
from askattend.data.readers.parquet_pages import BY_NUMBER, LENGTHS, SHARED, Page, pages_of
from askattend.files.limits import MEBIBYTE

# Bytes of a column that are in memory together, at most.
TOGETHER = 128 * MEBIBYTE


@dataclass(frozen=True)
class Group:
    """A group of rows.

    Attributes:
        number: from 0.
        rows: how many of them are read together.
        repeating: columns of which what repeats is to stay in memory once.
    """

    number: int
    rows: int
    repeating: list[str]


@dataclass(frozen=True)
class _Part:
    """A column's part of a group, as its pages say."""

    column: Any
    schema: Any
    pages: Sequence[Page]

    @property
    def name(self) -> str:
        return str(self.schema.path)

    @property
    def values(self) -> int:
        return sum(page.values for page in self.pages if not page.repeats)

    @property
    def size(self) -> int:
        return sum(page.unpacked for page in self.pages)

    @property
    def together(self) -> int:
        """Bytes of the largest page of values, and of those that repeat."""
        values = (page.unpacked for page in self.pages if not page.repeats)
        return max(values, default=0) + sum(p.unpacked for p in self.pages if p.repeats)

    @property
    def stays_once(self) -> bool:
        """True where Arrow can keep what repeats once.

        Where lengths are apart from texts it cannot; nor within lists, where only a part of the
        pages repeats values.
        """
        if self.schema.physical_type != "BYTE_ARRAY":
            return False
        kept = {page.kept for page in self.pages if not page.repeats}
        if self.schema.max_repetition_level == 0:
            return "." not in self.name and not kept & {LENGTHS, SHARED}
        return any(page.repeats for page in self.pages) and kept <= set(BY_NUMBER)


def groups_of(
    opened: BinaryIO, metadata: Any, columns: Sequence[str], rows: int, allowed: Allowance
) -> Iterator[Group]:
    """Yield groups of rows once it is known that they stay within their limits.

    Args:
        opened: the file.
        metadata: pyarrow's, of its footer.
        columns: that are read.
        rows: that are read together, where they are not too large.
        allowed: what may come of the file.

    Raises:
        DataError: more comes of it.
        ValueError: it is damaged.
    """
    if metadata.num_rows > allowed.most_rows:  # told before the first of them is read
        raise too_many(allowed.file, f"{allowed.most_rows:,} rows")
    starts = tuple(f"{name}." for name in columns)
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        parts = []
        for at in range(group.num_columns):
            # By the schema's name: what a column says that it is called, Arrow does not look at.
            schema = metadata.schema.column(at)
            if f"{schema.path}.".startswith(starts):
                column = group.column(at)
                pages = pages_of(opened, column)
                allowed.look_at(len(pages))
                parts.append(_Part(column, schema, pages))
        _require_moderate(opened, group, parts, allowed)
        # No value is larger than all of its column: a small file may say one large picture for
        # each of its rows.
        largest = max((part.size for part in parts), default=0)
        yield Group(
            number,
            max(1, min(rows, TOGETHER // max(largest, 1))),
            [part.name for part in parts if part.stays_once],
        )


def _require_moderate(
    opened: BinaryIO, group: Any, parts: Sequence[_Part], allowed: Allowance
) -> None:
    values = [max(part.values, part.column.num_values) for part in parts]
    allowed.take(
        rows=group.num_rows,
        largest=max(values, default=0),
        values=sum(values),
        size=sum(part.size for part in parts),
        # A column is read page by page, beside that of what repeats.
        together=sum(part.together for part in parts),
    )
    for part in parts:
        for page in part.pages:
            if page.kept in (LENGTHS, SHARED):
                require_lengths(opened, page, part.column, part.schema)
        if (size := _unrolled(opened, part)) > allowed.most_together:
            raise grows(allowed.file, f"the column '{part.name}' grows", size)


def _unrolled(opened: BinaryIO, part: _Part) -> int:
    """Return the bytes that may come of a column in lists, where a row has any number of values.

    0 where no value comes of less than itself.
    """
    if part.schema.max_repetition_level == 0 or part.stays_once:
        return 0
    size, longest = 0, int(part.schema.length or 0)
    for page in part.pages:
        if page.repeats and part.schema.physical_type == "BYTE_ARRAY":
            longest = max(longest, longest_of(opened, page, part.column))
        elif page.kept in BY_NUMBER:
            size += page.values * longest
        elif page.kept == SHARED:
            size += page.values * page.unpacked
    return size
