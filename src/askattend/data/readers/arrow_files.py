"""Parquet and Arrow files of anybody's, opened and read some rows at a time, within limits."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from askattend.data.readers.arrow_limits import Allowance, too_many
from askattend.data.readers.arrow_messages import CONTINUES, MAGIC, require_moderate_messages
from askattend.data.readers.parquet_groups import groups_of
from askattend.errors import DataError
from askattend.files import open_plain
from askattend.files.limits import MEBIBYTE
from askattend.installation import pip_install

_PARQUET = b"PAR1"
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
    _opened: BinaryIO
    _footer: Any = None  # of Parquet
    _is_file: bool = False  # of Arrow's two forms

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

        What is read is held to its limits by what the file says of it, before it is unpacked.

        Raises:
            DataError: the file is damaged, or holds more than is allowed.
        """
        allowed = Allowance(self.path)
        seen = 0
        with reading(self.path):
            read = self._of_ipc if self._footer is None else self._of_parquet
            for part in read(columns, rows, allowed):
                seen += part.num_rows
                if seen > allowed.most_rows:
                    raise too_many(self.path, f"{allowed.most_rows:,} rows")
                part.validate(full=True)
                for start in range(0, part.num_rows, rows):
                    yield part.slice(start, rows)

    def _of_parquet(self, columns: Sequence[str], rows: int, allowed: Allowance) -> Iterator[Any]:
        from pyarrow import parquet

        metadata = self._footer.metadata
        for group in groups_of(self._opened, metadata, columns, rows, allowed):
            # Not all of a column at once: its pages are read as they are needed. What repeats
            # stays there once: a small file may say one picture a million times.
            table = parquet.ParquetFile(
                self._opened,
                metadata=metadata,
                read_dictionary=group.repeating,
                buffer_size=MEBIBYTE,
                pre_buffer=False,
            )
            for part in table.iter_batches(
                batch_size=group.rows,
                row_groups=[group.number],
                columns=list(columns),
                use_threads=False,
            ):
                yield part.select(list(columns))

    def _of_ipc(self, columns: Sequence[str], rows: int, allowed: Allowance) -> Iterator[Any]:
        import pyarrow.ipc

        require_moderate_messages(self._opened, allowed)
        self._opened.seek(0)
        if self._is_file:
            whole = pyarrow.ipc.open_file(self._opened)
            parts: Iterator[Any] = map(whole.get_batch, range(whole.num_record_batches))
        else:
            parts = iter(pyarrow.ipc.open_stream(self._opened))
        for part in parts:
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
        return ArrowFile(file, footer.schema_arrow, opened, footer)
    if begins.startswith(MAGIC):
        schema = pyarrow.ipc.open_file(opened).schema
        return ArrowFile(file, schema, opened, _is_file=True)
    if not begins.startswith(CONTINUES):
        raise DataError("is no Parquet or Arrow file", where=file, remedy=_REMEDY)
    return ArrowFile(file, pyarrow.ipc.open_stream(opened).schema, opened)


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
