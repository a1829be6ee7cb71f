"""Arrow's own format, stream and file, as far as its messages tell what will come of them.

A buffer that is compressed begins with the length that it unpacks to, which Arrow allocates at
once. So each message's metadata (FlatBuffers) and those lengths are read before Arrow sees any.
The format: Arrow Columnar Format, "Serialization and Interprocess Communication".
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np

from askattend.data.readers.arrow_limits import Allowance

MAGIC = b"ARROW1"
CONTINUES = b"\xff\xff\xff\xff"  # which each message of a stream begins with
# Kinds of messages that hold rows' values; a schema (1) holds none.
_SCHEMA, _DICTIONARY, _ROWS = 1, 2, 3
_LENGTH = struct.Struct("<q")
# Compression as Arrow 0.17 wrote it.
_EXPERIMENTAL = b"ARROW:experimental_compression"
# Structs of which a message lists many: of a file's footer, a column's values, a buffer.
_BLOCK = np.dtype([("at", "<i8"), ("metadata", "<i4"), ("_", "<i4"), ("body", "<i8")])
_NODE = np.dtype([("values", "<i8"), ("nulls", "<i8")])
_BUFFER = np.dtype([("at", "<i8"), ("length", "<i8")])


@dataclass(frozen=True)
class Declared:
    """Description of the rows, or of the repeating values, in a message.

    Attributes:
        rows: their number; 0 of values that repeat.
        largest: values of that column, or part of one, that has most.
        values: of all.
        size: bytes once they are unpacked.
        buffers: how many there are.
        is_dictionary: True for values that repeat.
    """

    rows: int
    largest: int
    values: int
    size: int
    buffers: int
    is_dictionary: bool


def require_moderate_messages(opened: BinaryIO, allowed: Allowance) -> None:
    """Hold a file to what may come of it, by what all of its messages say.

    Raises:
        DataError: more comes of it.
        ValueError: it is damaged.
    """
    repeating = 0
    for message in declared_of(opened):
        # Values that repeat stay in memory, and are joined with those that follow.
        allowed.look_at(message.buffers + 1)
        repeating += message.size if message.is_dictionary else 0
        allowed.take(
            rows=message.rows,
            largest=message.largest,
            values=message.values,
            size=message.size,
            together=repeating if message.is_dictionary else repeating + message.size,
        )


def declared_of(opened: BinaryIO) -> Iterator[Declared]:
    """Read what the messages of an opened file say, one after the other.

    Raises:
        ValueError: it is damaged.
    """
    opened.seek(0)
    is_file = opened.read(len(MAGIC)) == MAGIC
    size = os.fstat(opened.fileno()).st_size
    for metadata, at in _blocks(opened, size) if is_file else _stream(opened, size):
        if (found := _declared(metadata, opened, at, size)) is not None:
            yield found


def _stream(opened: BinaryIO, size: int) -> Iterator[tuple[bytes, int]]:
    """Yield each message's metadata, and where its body begins."""
    at = 0
    while at < size:
        metadata, begins = _metadata(opened, at, size)
        if not metadata:
            return
        yield metadata, begins
        at = begins + _body_length(metadata)


def _blocks(opened: BinaryIO, size: int) -> Iterator[tuple[bytes, int]]:
    """Yield the same of a file, whose footer lists its messages in any order."""
    end = size - len(MAGIC) - 4
    opened.seek(max(end, 0))
    (length,) = struct.unpack("<i", opened.read(4))
    if not 0 < length <= end - len(MAGIC):
        raise ValueError("its footer lies outside of it")
    opened.seek(end - length)
    footer = _Table.root(opened.read(length))
    for slot in (2, 3):
        for block in footer.vector(slot, _BLOCK):
            metadata, begins = _metadata(opened, int(block["at"]), size)
            if metadata:
                yield metadata, begins


def _metadata(opened: BinaryIO, at: int, size: int) -> tuple[bytes, int]:
    """Read a message's metadata, and where its body begins; empty at the end of a stream."""
    if not 0 <= at < size:
        raise ValueError("a message lies outside of it")
    opened.seek(at)
    first = opened.read(4)
    if first == CONTINUES:  # as it is written since Arrow 0.15
        first, at = opened.read(4), at + 4
    length = int.from_bytes(first, "little", signed=True)
    if len(first) < 4 or not 0 <= length <= size - at - 4:
        raise ValueError("a message is longer than it")
    return opened.read(length), at + 4 + length


def _body_length(metadata: bytes) -> int:
    length = _Table.root(metadata).number(3, "<q")
    if length < 0:
        raise ValueError("a message is of a negative length")
    return length


def _declared(metadata: bytes, opened: BinaryIO, body: int, size: int) -> Declared | None:
    message = _Table.root(metadata)
    kind = message.number(1, "<B")
    if kind == _SCHEMA:
        return None
    if kind not in (_DICTIONARY, _ROWS):
        raise ValueError("a message holds neither rows nor their schema")
    batch = message.table(2)
    if kind == _DICTIONARY:
        batch = batch.table(1)
    length = _body_length(metadata)
    if body + length > size:
        raise ValueError("a message is longer than it")
    packed = batch.has(3) or _EXPERIMENTAL in metadata
    values: list[int] = batch.vector(1, _NODE)["values"].tolist()
    rows = 0 if kind == _DICTIONARY else batch.number(0, "<q")
    if min(values, default=0) < 0 or rows < 0:
        raise ValueError("a column has a negative number of values")
    buffers = batch.vector(2, _BUFFER).tolist()
    size = sum(_unpacked(opened, body, length, packed, *buffer) for buffer in buffers)
    largest = max(values, default=0)
    return Declared(rows, largest, sum(values), size, len(buffers), kind == _DICTIONARY)


def _unpacked(opened: BinaryIO, body: int, length: int, packed: bool, at: int, own: int) -> int:
    """Return the bytes that come of a buffer of so many, at some place within a body."""
    if at < 0 or own < 0 or at + own > length:
        raise ValueError("a buffer lies outside of its message")
    if not packed or own < _LENGTH.size:
        return own
    opened.seek(body + at)
    (told,) = _LENGTH.unpack(opened.read(_LENGTH.size))
    if told < -1:
        raise ValueError("a buffer is of a negative length")
    return own if told == -1 else int(told)


@dataclass(frozen=True)
class _Table:
    """A table of FlatBuffers: each field is where the table's own list of places says."""

    content: bytes
    at: int

    @classmethod
    def root(cls, content: bytes) -> _Table:
        table = cls(content, 0)
        return cls(content, table._read("<I", 0))

    def number(self, slot: int, form: str) -> int:
        place = self._place(slot)
        return 0 if place is None else self._read(form, place)

    def has(self, slot: int) -> bool:
        return self._place(slot) is not None

    def table(self, slot: int) -> _Table:
        place = self._place(slot)
        if place is None:
            raise ValueError("a message lacks its content")
        return _Table(self.content, place + self._read("<I", place))

    def vector(self, slot: int, kind: Any) -> Any:
        """Return a list of structs of fixed size."""
        place = self._place(slot)
        if place is None:
            return np.zeros(0, kind)
        begins = place + self._read("<I", place)
        count = self._read("<I", begins)
        if not count:
            return np.zeros(0, kind)
        return np.frombuffer(self.content, kind, count, begins + 4)

    def _place(self, slot: int) -> int | None:
        places = self.at - self._read("<i", self.at)
        within = 4 + 2 * slot
        if within >= self._read("<H", places):
            return None
        offset = self._read("<H", places + within)
        return self.at + offset if offset else None

    def _read(self, form: str, at: int) -> int:
        # Python counts a negative place from the end.
        if not 0 <= at <= len(self.content) - struct.calcsize(form):
            raise ValueError("a message's description is damaged")
        (value,) = struct.unpack_from(form, self.content, at)
        return int(value)
