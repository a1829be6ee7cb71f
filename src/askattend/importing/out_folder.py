"""The folder that an import writes to."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from askattend.errors import AskAttendError


def require_free(out: Path, marks: Iterable[str], holds: str, error: type[AskAttendError]) -> None:
    """Raise `error` unless a folder does not exist or is empty.

    Args:
        out: the folder.
        marks: files that show that it holds such a thing already.
        holds: what that thing is called.
        error: the type of error.
    """
    if any((out / mark).exists() for mark in marks):
        problem = f"holds {holds} already"
    elif out.exists() and not out.is_dir():
        problem = "is not a folder"
    elif out.exists() and any(out.iterdir()):
        problem = "is a folder of something else"
    else:
        return
    raise error(problem, where=out, remedy="Choose another --out.")
