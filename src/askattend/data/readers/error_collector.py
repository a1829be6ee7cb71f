"""Mistakes in one file, raised together: like ones as one, and some of each kind."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from askattend.errors import MOST_NAMED, DataError

S = TypeVar("S")
T = TypeVar("T")


class ErrorCollector:
    """Counts like mistakes in one file, and keeps the first few for the message."""

    def __init__(self) -> None:
        self.count = 0
        self.first: list[tuple[str, str]] = []

    def add(self, where: str, problem: str) -> None:
        """Count one more mistake."""
        self.count += 1
        if len(self.first) < MOST_NAMED:
            self.first.append((where, problem))

    def raise_if_any(self, remedy: str) -> None:
        """Raise `DataError` if there are any mistakes: the first, and how many there are."""
        if self.count:
            raise self.error(remedy)

    def error(self, remedy: str) -> DataError:
        """Make the error of all of them, of which there is one at least."""
        (where, problem), *others = self.first
        also = [f"{_inside(at)} ({text})" for at, text in others]
        more = ", …" if self.count > len(self.first) else ""
        if also:
            problem = f"{problem}; {self.count:,} such cases, also {', '.join(also)}{more}"
        return DataError(problem, where=where, remedy=remedy)


class Mistakes:
    """Mistakes of any kind in one table, so that one reading tells all of them.

    Args:
        skip: True where rows that are wrong in themselves are left out, and are no mistakes.

    Attributes:
        skips: as given.
        lacking: columns that are missing, which is said once and not of each row.
        left_out: where a row stands → why it is left out.
    """

    def __init__(self, *, skip: bool = False) -> None:
        self.skips = skip
        # By the remedy, since like mistakes have one.
        self._kinds: dict[str, ErrorCollector] = {}
        self.lacking: set[str] = set()
        self.left_out: dict[str, str] = {}

    def __bool__(self) -> bool:
        """Tell if there are any."""
        return bool(self._kinds)

    def add(self, error: DataError) -> None:
        """Keep a mistake of the whole table."""
        self._kinds.setdefault(error.remedy, ErrorCollector()).add(str(error.where), error.problem)

    def add_column(self, column: str, error: DataError) -> None:
        """Keep that a column is missing, once."""
        if column not in self.lacking:
            self.lacking.add(column)
            self.add(error)

    def add_row(self, error: DataError, row: str) -> None:
        """Keep a mistake of one row, or leave that row out.

        Args:
            error: what is wrong.
            row: where the row stands.
        """
        if self.skips:
            self.left_out.setdefault(row, error.problem)
        else:
            self.add(error)

    @contextmanager
    def collecting(self) -> Iterator[None]:
        """Keep the mistake that the block raises, if it raises one."""
        try:
            yield
        except DataError as error:
            self.add(error)

    def raise_if_any(self, where: object = None, *, remedy: str = "Mend them together") -> None:
        """Raise `DataError` if there are any: of one kind as it is, of several as a list.

        Args:
            where: the table.
            remedy: what to do about all, without a full stop.
        """
        errors = [like.error(remedy) for remedy, like in self._kinds.items()]
        if len(errors) == 1:
            raise errors[0]
        if errors:
            count = sum(like.count for like in self._kinds.values())
            listed = "".join(f"\n- {error}" for error in errors)
            problem = f"{count:,} mistakes of {len(errors)} kinds"
            raise DataError(problem, where=where, remedy=f"{remedy}:{listed}")


def each_of(items: Iterable[S], make: Callable[[S], T]) -> list[T]:
    """Apply `make` to each row; the mistakes of all are raised together."""
    made = []
    mistakes = Mistakes()
    for item in items:
        with mistakes.collecting():
            made.append(make(item))
    mistakes.raise_if_any()
    return made


def _inside(where: str) -> str:
    """Shorten to the path, since all are in one file; or file and line, in one folder."""
    _, dollar, path = where.rpartition(": $")
    return f"${path}" if dollar else Path(where).name
