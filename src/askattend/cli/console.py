"""What the commands share: reading options, and writing results."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

import msgspec
import tyro
from rich.console import Console

Flat = tyro.conf.arg(name="")  # options of this part take no prefix
# A table names no more types of question than this; --json has them all.
MOST_TYPES = 12
FLOORS = {
    "majority": "floor: most common answer",
    "prefix": "floor: by the question's first words",
}


def parse(kind: Any, argv: list[str], name: str, **default: Any) -> Any:
    """The options of a command; a mistake in them prints what is wrong and exits with status 2."""
    return tyro.cli(kind, args=argv, prog=f"askattend {name}", **default)


def progress() -> Console:
    """Notes and progress go to standard error: standard output holds results alone."""
    return Console(stderr=True, soft_wrap=True, markup=False)


def print_notes(notes: Iterable[str]) -> None:
    """Print what was decided on the user's behalf, apart from the results."""
    for note in notes:
        print(f"note: {note}", file=sys.stderr)


def interval_text(ends: tuple[float, float]) -> str:
    """A 95 % interval of an accuracy: ``[46.23%, 53.71%] (95 %)``."""
    low, high = ends
    return f"[{low:.2%}, {high:.2%}] (95 %)"


def print_json(value: Any) -> None:
    """Print one JSON value."""
    print(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())
