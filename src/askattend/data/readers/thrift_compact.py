"""Thrift's compact protocol, as far as a page of a Parquet file is described by it.

Whole numbers and structs are read; all else is passed over.
"""

from __future__ import annotations

from typing import Any

TRUE, FALSE, I32, STRUCT = 1, 2, 5, 12
_SHORT, _LONG, _BINARY, _LIST, _SET, _MAP = 4, 6, 8, 9, 10, 11
_FIXED = {3: 1, 7: 8, 13: 16}  # bytes of a byte, a double, a UUID
_BITS = {_SHORT: 16, I32: 32, _LONG: 64}
_DEEPEST = 32
_DAMAGED = "a page's header is damaged"

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


class _Reader:
    def __init__(self, content: bytes) -> None:
        self.content, self.at = content, 0

    def struct(self, depth: int) -> Fields:
        found: Fields = {}
        number = 0
        while first := self._byte():
            step, kind = first >> 4, first & 15
            number = number + step if step else _signed(self.varint() & 0xFFFF)
            found[number, kind] = self._value(kind, depth)
        return found

    def _value(self, kind: int, depth: int, *, listed: bool = False) -> Any:
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
                self._value(each, depth, listed=True)

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
