"""Parquet and Arrow files of anybody's, opened and read some rows at a time, within limits."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from askattend.errors import DataError
from askattend.files import open_plain
from askattend.files.limits import MEBIBYTE, RATIO
from askattend.installation import pip_install

_PARQUET, _ARROW_FILE = b"PAR1", b"ARROW1"
# So many rows may come of a file however small it is; of a larger one as many as it has bytes.
MOST_ROWS = 1_000_000
_VALUES_A_ROW = 16
# So much may come of it, too.
_SMALL = 16 * MEBIBYTE
# Bytes of a column that are in memory together, at most.
_TOGETHER = 128 * MEBIBYTE
_REMEDY = "Fetch or write it again."


@dataclass(frozen=True)
class ArrowFile:
    """A file of rows that is open.

    Attributes:
        path: where it is.
        schema: pyarrow's, of its columns.
    """

    path: Path
    schema: Any
    _opened: Any
    _is_parquet: bool

    @property
    def names(self) -> list[str]:
        """Names of the columns."""
        return list(self.schema.names)

    def features(self) -> Mapping[str, Any]:
        """Return what `datasets` notes of the columns' types; empty where it notes nothing."""
        noted = (self.schema.metadata or {}).get(b"huggingface", b"{}")
        try:
            told = json.loads(noted)
        except (ValueError, RecursionError):
            return {}
        for key in ("info", "features"):
            told = told.get(key) if isinstance(told, dict) else None
        return told if isinstance(told, dict) else {}

    def batches(self, columns: Sequence[str], rows: int) -> Iterator[Any]:
        """Yield pyarrow's record batches of some columns, checked, of so many rows or fewer.

        Raises:
            DataError: the file is damaged, or holds more than is allowed.
        """
        seen, most = 0, max(MOST_ROWS, self.path.stat().st_size)
        with reading(self.path):
            parts = self._of_parquet(columns, rows) if self._is_parquet else self._of_ipc(columns)
            for part in parts:
                seen += part.num_rows
                if seen > most:
                    raise _too_many(self.path, most)
                part.validate(full=True)
                for start in range(0, part.num_rows, rows):
                    yield part.slice(start, rows)

    def _of_parquet(self, columns: Sequence[str], rows: int) -> Iterator[Any]:
        metadata = self._opened.metadata
        _require_moderate(metadata, self.path)
        # No value is larger than all of its column in a group: a small file may say one large
        # picture for each of its rows.
        rows = max(1, min(rows, _TOGETHER // max(_largest(metadata, columns), 1)))
        for part in self._opened.iter_batches(
            batch_size=rows, columns=list(columns), use_threads=False
        ):
            yield part.select(list(columns))

    def _of_ipc(self, columns: Sequence[str]) -> Iterator[Any]:
        for part in self._opened():
            yield part.select(list(columns))


@contextmanager
def open_arrow(file: Path) -> Iterator[ArrowFile]:
    """Open a Parquet file, or one of Arrow's two forms, told by its first bytes.

    Raises:
        DataError: pyarrow is not installed; the file is not there, no file on a disk, too large or
            none of these.
    """
    pyarrow = _pyarrow(file)
    try:
        opened = open_plain(file)
    except OSError as error:
        problem = f"cannot be read ({error.strerror or error})"
        raise DataError(problem, where=file, remedy="Check the path.") from None
    with opened:
        begins = opened.read(8)
        opened.seek(0)
        with reading(file):
            yield _opened_as(begins, opened, file, pyarrow)


def _opened_as(begins: bytes, opened: BinaryIO, file: Path, pyarrow: Any) -> ArrowFile:
    if begins.startswith(_PARQUET):
        from pyarrow import parquet

        footer = parquet.ParquetFile(opened)
        # What repeats stays there once: a small file may say one picture a million times.
        repeated = _texts_of(footer.schema)
        # Not all of a column at once: its pages are read as they are needed.
        table = parquet.ParquetFile(
            opened, read_dictionary=repeated, buffer_size=MEBIBYTE, pre_buffer=False
        )
        return ArrowFile(file, table.schema_arrow, table, True)
    if begins.startswith(_ARROW_FILE):
        whole = pyarrow.ipc.open_file(opened)
        return ArrowFile(
            file, whole.schema, lambda: map(whole.get_batch, range(whole.num_record_batches)), False
        )
    if not begins.startswith(b"\xff\xff\xff\xff"):  # which each message of a stream begins with
        raise DataError("is no Parquet or Arrow file", where=file, remedy=_REMEDY)

    def stream() -> Iterator[Any]:
        opened.seek(0)
        yield from pyarrow.ipc.open_stream(opened)

    return ArrowFile(file, pyarrow.ipc.open_stream(opened).schema, stream, False)


@contextmanager
def reading(file: Path) -> Iterator[None]:
    """Turn whatever pyarrow raises on a damaged file into an error of our own."""
    import pyarrow

    try:
        yield
    except DataError:
        raise
    except (pyarrow.ArrowMemoryError, MemoryError, OverflowError):
        remedy = "Write it again with fewer rows a group, or free some memory."
        raise DataError("does not fit in memory", where=file, remedy=remedy) from None
    except (pyarrow.ArrowException, OSError, ValueError, LookupError, RecursionError) as error:
        if isinstance(error, OSError) and error.errno is not None and error.filename is not None:
            raise  # of the disk that something is written to
        said = " ".join(str(error).split())[:300].rstrip(".") or type(error).__name__
        raise DataError(f"is damaged ({said})", where=file, remedy=_REMEDY) from None


def _largest(metadata: Any, columns: Sequence[str]) -> int:
    """Return the bytes of the largest part of some columns, all within them included."""
    starts = tuple(f"{name}." for name in columns)
    groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    parts = (group.column(at) for group in groups for at in range(group.num_columns))
    sizes = (p.total_uncompressed_size for p in parts if f"{p.path_in_schema}.".startswith(starts))
    return max(sizes, default=0)


def _texts_of(schema: Any) -> list[str]:
    """List the columns of text or bytes in a Parquet file, but for those within others.

    Those Arrow cannot make in this way where only a part of their pages repeats values.
    """
    columns = [schema.column(number) for number in range(len(schema.names))]
    texts = [column for column in columns if column.physical_type == "BYTE_ARRAY"]
    return [
        column.path
        for column in texts
        if column.max_repetition_level == 0 and "." not in column.path
    ]


def _require_moderate(metadata: Any, file: Path) -> None:
    """Refuse a Parquet file of which more comes than is allowed, by what its footer says.

    Raises:
        DataError: it does.
    """
    size = os.stat(file).st_size
    if metadata.num_rows > (most := max(MOST_ROWS, size)):
        raise _too_many(file, most)
    limit = most_bytes(file)
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        columns = [group.column(each) for each in range(group.num_columns)]
        if any(column.num_values > _VALUES_A_ROW * most for column in columns):
            raise _too_many(file, most)
        total = sum(column.total_uncompressed_size for column in columns)
        if total > limit:
            raise grows(file, "a group of its rows grows", total)


def most_bytes(file: Path) -> int:
    """Return how many bytes may come of a file, or of a group of its rows."""
    return max(RATIO.value() * file.stat().st_size, _SMALL)


def grows(file: Path, what: str, size: float) -> DataError:
    """Make the error for a file of which more comes than is allowed."""
    return DataError(
        f"{what} to {size / MEBIBYTE:,.0f} MiB, which may be an attack",
        where=file,
        remedy=f"Look at it first. {RATIO.how_to_raise()}",
    )


def _too_many(file: Path, most: int) -> DataError:
    problem = f"holds more than {most:,} rows, which may be an attack"
    return DataError(problem, where=file, remedy="Divide it, if it is meant.")


def _pyarrow(file: Path) -> Any:
    try:
        import pyarrow
        import pyarrow.ipc
    except ImportError:
        raise DataError(
            "Parquet and Arrow need pyarrow, which is not installed",
            where=file,
            remedy=f"Install it: {pip_install('parquet')}",
        ) from None
    return pyarrow
