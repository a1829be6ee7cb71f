"""How much a command tells beside its results: notes or none, and details where they are wanted."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from enum import Enum


class Verbosity(Enum):
    """How much is told: results and errors alone, notes and progress too, or details as well."""

    QUIET = "quiet"
    NORMAL = "normal"
    VERBOSE = "verbose"


_verbosity: ContextVar[Verbosity] = ContextVar("verbosity", default=Verbosity.NORMAL)
_told: ContextVar[frozenset[str]] = ContextVar("told", default=frozenset())


@contextmanager
def telling(verbosity: Verbosity) -> Iterator[None]:
    """Tell so much within a ``with`` block."""
    before, told = _verbosity.set(verbosity), _told.set(frozenset())
    try:
        yield
    finally:
        _verbosity.reset(before)
        _told.reset(told)


def is_quiet() -> bool:
    """Return True where results and errors alone are wanted."""
    return _verbosity.get() is Verbosity.QUIET


def is_verbose() -> bool:
    """Return True where details are wanted."""
    return _verbosity.get() is Verbosity.VERBOSE


def print_details(*texts: str) -> None:
    """Print lines on standard error where details are wanted, each once."""
    if not is_verbose():
        return
    new = [text for text in dict.fromkeys(texts) if text not in _told.get()]
    _told.set(_told.get().union(new))
    with suppress(OSError):
        for text in new:
            print(f"detail: {text}", file=sys.stderr)
