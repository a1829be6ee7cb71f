"""The console for notes and progress, without which work goes on."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import Any

from rich.console import Console


def notes_console(*, quiet: bool = False) -> Console:
    """Make a console on standard error, for notes and progress: standard output is for results.

    What cannot be written there, as to a full disk or to a terminal that was closed, is lost.
    """
    file: Any = None if sys.stderr is None else _Undisturbed(sys.stderr)
    return Console(file=file, stderr=True, soft_wrap=True, markup=False, quiet=quiet)


class _Undisturbed:
    """A stream of text whose errors stop nobody."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        with suppress(OSError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError):
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
