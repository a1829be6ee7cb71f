"""Like mistakes in one file, raised together."""

from __future__ import annotations

from collections.abc import Callable, Iterable
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
        if not self.count:
            return
        (where, problem), *others = self.first
        also = [f"{_inside(at)} ({text})" for at, text in others]
        more = ", …" if self.count > len(self.first) else ""
        if also:
            problem = f"{problem}; {self.count:,} such cases, also {', '.join(also)}{more}"
        raise DataError(problem, where=where, remedy=remedy)


def each_of(items: Iterable[S], make: Callable[[S], T]) -> list[T]:
    """Apply `make` to each row; mistakes that have the same remedy are raised together."""
    made = []
    mistakes: dict[str, ErrorCollector] = {}
    for item in items:
        try:
            made.append(make(item))
        except DataError as error:
            like = mistakes.setdefault(error.remedy, ErrorCollector())
            like.add(str(error.where), error.problem)
    for remedy, like in mistakes.items():
        like.raise_if_any(remedy)
    return made


def _inside(where: str) -> str:
    """Shorten to the path, since all are in one file; or file and line, in one folder."""
    _, dollar, path = where.rpartition(": $")
    return f"${path}" if dollar else Path(where).name
