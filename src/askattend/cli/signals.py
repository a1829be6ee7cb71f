"""Signals that end a command, taken as Ctrl-C is: what is done is kept, and what goes on said."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

# What schedulers, containers and systemd send, and a terminal that closes; Windows has no SIGHUP.
_ENDING = ("SIGTERM", "SIGHUP")


class Ending:
    """The signal that ended a command; Ctrl-C's unless another came."""

    def __init__(self) -> None:
        self._number = int(signal.SIGINT)

    @property
    def status(self) -> int:
        """The exit status by which shells tell the signal."""
        return 128 + self._number

    def take(self, number: int, frame: FrameType | None) -> None:
        """Do what Ctrl-C would do now."""
        self._number = number
        handler = signal.getsignal(signal.SIGINT)
        if not callable(handler):  # ignored, as of a command behind "&" in a script
            raise KeyboardInterrupt
        handler(signal.SIGINT, frame)


@contextmanager
def ended_by_signals() -> Iterator[Ending]:
    """Take signals to end as Ctrl-C, while a command is at work in the main thread.

    One that is ignored, as ``nohup`` has it, or handled by somebody else stays so.
    """
    ending = Ending()
    numbers = [getattr(signal, name) for name in _ENDING if hasattr(signal, name)]
    if threading.current_thread() is not threading.main_thread():
        numbers = []
    taken = [number for number in numbers if signal.getsignal(number) is signal.SIG_DFL]
    for number in taken:
        signal.signal(number, ending.take)
    try:
        yield ending
    finally:
        for number in taken:
            signal.signal(number, signal.SIG_DFL)
