"""Thrift's compact protocol, as far as a Parquet file is described by it.

Whole numbers and structs are read; all else is passed over.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

TRUE, FALSE, I32, I64, STRUCT = 1, 2, 5, 6, 12
_SHORT, _BINARY, _LIST, _SET, _MAP = 4, 8, 9, 10, 11
_FIXED = {3: 1, 7: 8, 13: 16}  # bytes of a byte, a double, a UUID
_BITS = {_SHORT: 16, I32: 32, I64: 64}
_DEEPEST = 32
_DAMAGED = "a description in it is damaged"

# Number and type of a field → its value. Of another type, a field is none of those that are meant.
Fields = dict[tuple[int, int], Any]


def read_struct(content: bytes) -> tuple[Fields, int]:
    """Read a struct, and how many bytes it has.

    Raises:
        IndexError: it is cut off.
        ValueError: it is damaged.
    """
    reader = _Reader(content)
    return reader.struct(0), reader.at


def listed_structs(content: bytes, field: int, within: int) -> Iterator[list[Fields]]:
    """Yield, of each struct in a list that is a struct's field, the structs that it lists itself.

    One after the other, since there may be very many.

    Args:
        content: of the struct.
        field: number of its list.
        within: number of the list in each struct of that.

    Raises:
        IndexError, ValueError: see `read_struct`.
    """
    reader = _Reader(content)
    for number, kind in reader.fields():
        if (number, kind) != (field, _LIST):
            reader.value(kind, 0)
            continue
        for _ in range(reader.count(STRUCT)):
            found: list[Fields] = []
            for inner, of_kind in reader.fields():
                if (inner, of_kind) == (within, _LIST):
                    found = [reader.struct(2) for _ in range(reader.count(STRUCT))]
                else:
                    reader.value(of_kind, 1)
            yield found


class _Reader:
    def __init__(self, content: bytes) -> None:
        self.content, self.at = content, 0

    def fields(self) -> Iterator[tuple[int, int]]:
        """Yield number and type of each field of a struct; whoever asks reads its value."""
        number = 0
        while first := self._byte():
            step, kind = first >> 4, first & 15
            number = number + step if step else _signed(self.varint() & 0xFFFF)
            yield number, kind

    def struct(self, depth: int) -> Fields:
        return {(number, kind): self.value(kind, depth) for number, kind in self.fields()}

    def count(self, kind: int) -> int:
        """Read how many elements of a type a list has.

        Raises:
            ValueError: they are of another one.
        """
        first = self._byte()
        count = self.varint() if first >> 4 == 15 else first >> 4
        if count and first & 15 != kind:
            raise ValueError(_DAMAGED)
        return count

    def value(self, kind: int, depth: int, *, listed: bool = False) -> Any:
        if depth > _DEEPEST:
            raise ValueError(_DAMAGED)
        if kind in (TRUE, FALSE):
            return self._byte() if listed else kind
        if kind in _BITS:  # cut to its type's bits, as Thrift does
            return _signed(self.varint() & ((1 << _BITS[kind]) - 1))
        if kind in _FIXED or kind == _BINARY:
            return self._skip(_FIXED[kind] if kind in _FIXED else self.varint())
        if kind == STRUCT:
            return self.struct(depth + 1)
        if kind in (_LIST, _SET, _MAP):
            return self._several(kind, depth + 1)
        raise ValueError(_DAMAGED)

    def _several(self, kind: int, depth: int) -> None:
        """Pass over a list, a set or a map."""
        if kind == _MAP:
            count = self.varint()
            both = self._byte() if count else 0
            kinds: tuple[int, ...] = (both >> 4, both & 15)
        else:
            first = self._byte()
            count = self.varint() if first >> 4 == 15 else first >> 4
            kinds = (first & 15,)
        for _ in range(count):
            for each in kinds:
                self.value(each, depth, listed=True)

    def _byte(self) -> int:
        self.at += 1
        return self.content[self.at - 1]

    def _skip(self, length: int) -> None:
        if length > len(self.content) - self.at:
            raise IndexError
        self.at += length

    def varint(self) -> int:
        value = 0
        for shift in range(0, 70, 7):
            byte = self._byte()
            value |= (byte & 127) << shift
            if byte < 128:
                return value
        raise ValueError(_DAMAGED)


def _signed(value: int) -> int:
    """Undo the zigzag that keeps small negative numbers short."""
    return (value >> 1) ^ -(value & 1)
