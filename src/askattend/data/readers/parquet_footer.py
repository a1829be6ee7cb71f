"""Footer of a Parquet file, as pyarrow has read it: where each column of a group of rows lies.

pyarrow itself ends the process, without a word, where it is asked for a column whose statistics are
damaged. So its footer is written once more, and read here. The format: Apache Parquet,
parquet.thrift.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from askattend.data.readers.thrift_compact import I32, I64, STRUCT, Fields, listed_structs

_MAGIC, _LENGTH = 4, 8
_CODECS = ("uncompressed", "snappy", "gzip", "lzo", "brotli", "lz4_raw", "zstd", "lz4_raw")


@dataclass(frozen=True, slots=True)
class Chunk:
    """A column in a group of rows, as the footer says.

    Attributes:
        begins: byte of the file at which its first page begins.
        packed: bytes of all its pages.
        values: their number.
        codec: pyarrow's name of how they are packed.
    """

    begins: int
    packed: int
    values: int
    codec: str


def chunks_of(metadata: Any) -> Iterator[list[Chunk]]:
    """Yield the columns of each group of rows.

    Args:
        metadata: pyarrow's, of the footer.

    Raises:
        ValueError: it is damaged.
    """
    import pyarrow as pa

    written = pa.BufferOutputStream()
    metadata.write_metadata_file(written)
    content = written.getvalue().to_pybytes()[_MAGIC:-_LENGTH]
    for columns in listed_structs(content, 4, 1):
        yield [_chunk(column.get((3, STRUCT), {})) for column in columns]


def _chunk(about: Fields) -> Chunk:
    begins, codec = _number(about, 9), about.get((4, I32), 0)
    # As Arrow does: the page of what repeats lies before, or is none.
    repeating = about.get((11, I64), 0)
    if 0 < repeating < begins:
        begins = repeating
    if not 0 <= codec < len(_CODECS):
        raise ValueError("a column is packed in an unknown way")
    return Chunk(begins, _number(about, 7), _number(about, 5), _CODECS[codec])


def _number(about: Fields, number: int) -> int:
    found: int = about.get((number, I64), 0)
    if found < 0:
        raise ValueError("a column is of a negative length")
    return found
