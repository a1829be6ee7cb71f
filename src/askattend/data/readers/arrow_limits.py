"""Limits on what comes of a file in Parquet or Arrow, told before any of it is unpacked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from askattend.errors import DataError
from askattend.files.limits import FILE, MEBIBYTE, RATIO
from askattend.files.reading import most_unpacked

# So many rows may come of a file however small it is; of a larger one as many as it has bytes.
MOST_ROWS = 1_000_000
# Of one column, and of all together: a null takes no byte of a file.
_VALUES_A_ROW, _VALUES_OF_ALL = 16, 256
# A part is described in a few bytes, and looked at one by one.
_MOST_PIECES, _BYTES_A_PIECE = 500_000, 1_000
# So much may come of it, too.
_SMALL = 16 * MEBIBYTE


@dataclass
class Allowance:
    """Allowance of what comes of a file; used up by what its parts say of themselves.

    Args:
        file: it.
    """

    file: Path
    rows: int = 0
    values: int = 0
    size: int = 0
    pieces: int = 0

    def __post_init__(self) -> None:
        self._packed = self.file.stat().st_size

    @property
    def most_rows(self) -> int:
        """Rows that it may have."""
        return max(MOST_ROWS, self._packed)

    @property
    def most_values(self) -> int:
        """Values that a column of a part may have: those within lists count each."""
        return _VALUES_A_ROW * self.most_rows

    @property
    def most_together(self) -> int:
        """Bytes that may be in memory together."""
        return most_unpacked(self._packed)

    def look_at(self, pieces: int) -> None:
        """Count pages or buffers, each of which is looked at.

        Raises:
            DataError: there are more than is allowed.
        """
        self.pieces += pieces
        if self.pieces > (most := max(_MOST_PIECES, self._packed // _BYTES_A_PIECE)):
            raise too_many(self.file, f"{most:,} pages or buffers")

    def take(self, *, rows: int, largest: int, values: int, size: int, together: int) -> None:
        """Count a part before it is unpacked.

        Args:
            rows: of it.
            largest: values in that of its columns that has most.
            values: in all of them.
            size: bytes of it, once it is unpacked.
            together: those of them that are in memory at once.

        Raises:
            DataError: it is more than is allowed, or all parts so far are.
        """
        self.rows, self.values = self.rows + rows, self.values + values
        self.size += size
        if self.rows > self.most_rows:
            raise too_many(self.file, f"{self.most_rows:,} rows")
        if largest > self.most_values:
            raise too_many(self.file, f"{self.most_values:,} values a column")
        if self.values > (most := _VALUES_OF_ALL * self.most_rows):
            raise too_many(self.file, f"{most:,} values")
        if together > self.most_together:
            raise grows(self.file, "what is in memory together grows", together)
        if self.size > most_bytes(self.file):
            raise grows(self.file, "all of it grows", self.size)


def most_bytes(file: Path) -> int:
    """Return how many bytes may come of a file, one part after the other."""
    return max(RATIO.value() * file.stat().st_size, _SMALL)


def grows(file: Path, what: str, size: float) -> DataError:
    """Make the error for a file of which more comes than is allowed."""
    limit = RATIO if RATIO.value() * file.stat().st_size < FILE.value() * MEBIBYTE else FILE
    return DataError(
        f"{what} to {size / MEBIBYTE:,.0f} MiB, which may be an attack",
        where=file,
        remedy=f"Look at it first. {limit.how_to_raise()}",
    )


def too_many(file: Path, what: str) -> DataError:
    """Make the error for a file of more rows or values than is allowed."""
    problem = f"holds more than {what}, which may be an attack"
    return DataError(problem, where=file, remedy="Divide it, if it is meant.")
