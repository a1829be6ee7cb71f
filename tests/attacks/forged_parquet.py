"""Parquet files written by hand, whose footer and pages say what their author likes."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Of Parquet: codecs, encodings, kinds of pages; of columns that must be there, may, or repeat.
PLAIN_CODEC, ZSTD = 0, 6
PLAIN, BY_NUMBER, DELTA_LENGTHS, DELTA_BYTES = 0, 8, 6, 7
REQUIRED, OPTIONAL, REPEATED = 0, 1, 2


def varint(number: int) -> bytes:
    found = bytearray()
    while number > 127:
        found.append(number & 127 | 128)
        number >>= 7
    return bytes([*found, number])


def compact(fields: dict[int, Any]) -> bytes:
    """Write a struct of Thrift's compact protocol: field → whole number, text, struct or list.

    A number is taken as one of 32 bits, a tuple of one number as one of 64.
    """
    written, last = b"", 0
    for number, value in fields.items():
        kind, content = _value(value)
        written += bytes([(number - last) << 4 | kind]) + content
        last = number
    return written + b"\0"


def _value(value: Any) -> tuple[int, bytes]:
    if isinstance(value, tuple):
        return 6, _value(value[0])[1]
    if isinstance(value, int):
        return 5, varint((value << 1) ^ (value >> 63))
    if isinstance(value, bytes):
        return 8, varint(len(value)) + value
    if isinstance(value, dict):
        return 12, compact(value)
    kinds = [_value(each) for each in value]
    count = bytes([len(kinds) << 4 | kinds[0][0]])
    return 9, count + b"".join(content for _, content in kinds)


def data_page(content: bytes, *, values: int, kept: int = PLAIN, says: int | None = None) -> bytes:
    """Write a page of values, that is said to unpack to so many bytes."""
    about = {1: values, 2: kept, 3: 3, 4: 3}
    unpacked = len(content) if says is None else says
    return compact({1: 0, 2: unpacked, 3: len(content), 5: about}) + content


def repeating_page(content: bytes, *, values: int, says: int | None = None) -> bytes:
    """Write a page of the values that repeat, likewise."""
    unpacked = len(content) if says is None else says
    about = {1: values, 2: PLAIN}
    return compact({1: 2, 2: unpacked, 3: len(content), 7: about}) + content


def plain(*texts: bytes) -> bytes:
    return b"".join(struct.pack("<I", len(text)) + text for text in texts)


@dataclass(frozen=True)
class Column:
    """A column of text.

    Attributes:
        name: its own.
        pages: bytes of them.
        repeating: how many of them are the page of values that repeat.
        codec: by which they are packed.
        values: that the footer says there are.
        nested: True for a list in each row.
        says: the name that it is told by in its group of rows, where that is another.
    """

    name: bytes
    pages: bytes
    repeating: int = 0
    codec: int = PLAIN_CODEC
    values: int = 1
    nested: bool = False
    says: bytes = b""


def write(file: Path, columns: Sequence[Column], *, rows: int = 1, says: int = 100) -> Path:
    """Write a file of one group, each of whose columns is said to have so many bytes."""
    schema: list[Any] = [{4: b"schema", 5: len(columns)}]
    content, group = b"PAR1", []
    for column in columns:
        repetition = REPEATED if column.nested else REQUIRED
        schema.append({1: 6, 3: repetition, 4: column.name, 6: 0})
        at = len(content)
        content += column.pages
        about: dict[int, Any] = {1: 6, 2: [PLAIN], 3: [column.says or column.name], 4: column.codec}
        about |= {5: (column.values,), 6: (says,), 7: (len(column.pages),)}
        about |= {9: (at + column.repeating,)}
        if column.repeating:
            about[11] = (at,)
        group.append({2: (at,), 3: about})
    groups = [{1: group, 2: (says,), 3: (rows,)}]
    footer = compact({1: 1, 2: schema, 3: (rows,), 4: groups})
    file.write_bytes(content + footer + struct.pack("<I", len(footer)) + b"PAR1")
    return file
