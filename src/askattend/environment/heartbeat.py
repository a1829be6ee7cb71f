"""Signs of life for whoever reads a log: a line a minute where no progress bar moves."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread

from rich.console import Console

from askattend.environment.console import print_line

EVERY = 60.0


class Heartbeat:
    """Prints a line when another minute has gone by, where nobody would see a bar move.

    Args:
        console: where to; if it is interactive, nothing is printed.
        every: seconds between two lines.
        clock: tells the time in seconds.
    """

    def __init__(
        self, console: Console, every: float = EVERY, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._console, self._every, self._clock = console, every, clock
        self._last = clock()

    def beat(self, line: Callable[[], str]) -> None:
        """Print the line that `line` makes, if it is time for one."""
        if self._console.is_interactive or self._clock() - self._last < self._every:
            return
        self._last = self._clock()
        print_line(self._console, line())


@contextmanager
def still_at_work(console: Console, what: str, every: float = EVERY) -> Iterator[None]:
    """Print, once a minute, that something is still going on which tells nothing itself."""
    if console.is_interactive or console.quiet:
        yield
        return
    done, began = Event(), time.monotonic()

    def tell() -> None:
        while not done.wait(every):
            minutes = (time.monotonic() - began) / 60
            line = f"still {what}: {minutes:.0f} min so far"
            print_line(console, line)

    thread = Thread(target=tell, name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
