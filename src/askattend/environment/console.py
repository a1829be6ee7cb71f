"""The console for notes and progress, without which work goes on."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from askattend.environment.terminal import visible
from askattend.environment.verbosity import is_quiet


def notes_console(*, quiet: bool = False) -> Console:
    """Make a console on standard error, for notes and progress: standard output is for results.

    What cannot be written there, as to a full disk or to a terminal that was closed, is lost.
    """
    quiet = quiet or is_quiet()
    # The one below, where a wrapped one shows what would steer the terminal: here colours may.
    below = getattr(sys.stderr, "rich_proxied_file", sys.stderr)
    file: Any = None if below is None else _Undisturbed(below)
    return _NotesConsole(
        file=file, stderr=True, soft_wrap=True, markup=False, emoji=False, quiet=quiet
    )


def print_line(console: Console, text: str) -> None:
    """Print a line as it is on anybody's console: not marked up, nor coloured, nor wrapped."""
    console.print(visible(text), markup=False, emoji=False, highlight=False, soft_wrap=True)


class _NotesConsole(Console):
    """A console of whose texts none steers the terminal."""

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """Render as rich does, text alone made visible."""
        for segment in super().render(renderable, options):
            text = segment.text if segment.control else visible(segment.text)
            yield segment if text == segment.text else Segment(text, segment.style)


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
