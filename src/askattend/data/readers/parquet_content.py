"""Content of a Parquet file's pages, as far as it alone tells lengths that Arrow allocates for.

Texts may be kept by their lengths apart from them, in DELTA_LENGTH_BYTE_ARRAY and DELTA_BYTE_ARRAY:
how many lengths there are stands in the content, where a few bytes say any number. The format:
Apache Parquet, Encodings.md.
"""

from __future__ import annotations

from typing import Any, BinaryIO

from askattend.data.readers.parquet_pages import SHARED, Page

_DAMAGED = "a page is damaged"


def require_lengths(opened: BinaryIO, page: Page, column: Any, schema: Any) -> None:
    """Hold a page that is kept by lengths to as many of them as it has values.

    Args:
        opened: the file.
        page: of it, no larger than may be unpacked.
        column: pyarrow's description of the column in a group of rows.
        schema: of the column in the schema.

    Raises:
        ValueError: it has more, or is damaged.
    """
    content = _unpacked(opened, page, column)
    at = page.levels or 0
    if page.levels is None:
        for deepest in (schema.max_repetition_level, schema.max_definition_level):
            at += 4 + int.from_bytes(content[at : at + 4], "little") if deepest else 0
    lengths = _Lengths(content, at)
    lengths.require(page.values)
    if page.kept == SHARED:  # what is shared, then the lengths of the rest
        lengths.skip()
        lengths.require(page.values)


def longest_of(opened: BinaryIO, page: Page, column: Any) -> int:
    """Return the length of the longest of the texts that repeat.

    Raises:
        ValueError: the page is damaged.
    """
    content, at, longest = _unpacked(opened, page, column), 0, 0
    for _ in range(page.values):
        length = int.from_bytes(content[at : at + 4], "little")
        at, longest = at + 4 + length, max(longest, length)
        if at > len(content):
            raise ValueError(_DAMAGED)
    return longest


def _unpacked(opened: BinaryIO, page: Page, column: Any) -> bytes:
    """Return a page's content; its levels, if they are apart, are as they lie in the file."""
    import pyarrow as pa

    opened.seek(page.at)
    content = opened.read(page.packed)
    codec = column.compression.lower()
    if codec == "uncompressed" or not page.is_packed:
        return content
    apart = page.levels or 0
    packed, size = content[apart:], page.unpacked - apart
    if size < 0:
        raise ValueError(_DAMAGED)
    if not size or not packed:
        return content[:apart]
    # Of two that are called so, the newer.
    codec = "lz4_raw" if codec == "lz4" else codec
    rest: bytes = pa.decompress(packed, decompressed_size=size, codec=codec, asbytes=True)
    return content[:apart] + rest


class _Lengths:
    """Whole numbers in DELTA_BINARY_PACKED: told by their number, then block by block."""

    def __init__(self, content: bytes, at: int) -> None:
        self._content, self._at = content, at
        self._block = self._parts = self._count = 0

    def require(self, most: int) -> None:
        """Read how many there are, which may be so many."""
        self._block, self._parts, self._count = self._varint(), self._varint(), self._varint()
        self._varint()  # the first of them
        if self._count > most:
            raise ValueError("a page holds more lengths than values")

    def skip(self) -> None:
        """Pass over them, to what follows."""
        if not self._parts or not self._block or self._block % self._parts:
            raise ValueError(_DAMAGED)
        left, of_part = self._count - 1, self._block // self._parts
        while left > 0:
            self._varint()  # the least step of the block
            widths = self._content[self._at : self._at + self._parts]
            self._at += self._parts
            for width in widths:
                if left > 0:
                    self._at += width * of_part // 8
                    left -= of_part
            if len(widths) < self._parts:
                raise ValueError(_DAMAGED)

    def _varint(self) -> int:
        value = shift = 0
        while True:
            if not 0 <= self._at < len(self._content):
                raise ValueError(_DAMAGED)
            byte = self._content[self._at]
            self._at += 1
            value |= (byte & 127) << shift
            if byte < 128:
                return value
            if (shift := shift + 7) > 63:
                raise ValueError(_DAMAGED)
