"""Signals that end a command, taken as Ctrl-C is: what is done is kept, and what goes on said."""

from __future__ import annotations

import os
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

    def at_once(self, number: int, frame: FrameType | None) -> None:
        """End the process, by nothing that an import on its way could catch or comment on."""
        os.write(2, b"askattend: interrupted\n")
        os._exit(self.status)

    def for_good(self) -> None:
        """Let a further Ctrl-C end the process without a word."""
        if _is_main() and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, signal.SIG_DFL)


def _is_main() -> bool:
    return threading.current_thread() is threading.main_thread()


@contextmanager
def loading(ending: Ending) -> Iterator[None]:
    """End at once where somebody presses Ctrl-C while a command's modules are imported.

    In a process of our own, that is, whose `__main__` has left Ctrl-C to the system so far; when
    they are there, it raises KeyboardInterrupt.
    """
    if not _is_main() or signal.getsignal(signal.SIGINT) is not signal.SIG_DFL:
        yield
        return
    signal.signal(signal.SIGINT, ending.at_once)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@contextmanager
def ended_by_signals() -> Iterator[Ending]:
    """Take signals to end as Ctrl-C, while a command is at work in the main thread.

    One that is ignored, as ``nohup`` has it, or handled by somebody else stays so.
    """
    ending = Ending()
    numbers = [getattr(signal, name) for name in _ENDING if hasattr(signal, name)]
    if not _is_main():
        numbers = []
    taken = [number for number in numbers if signal.getsignal(number) is signal.SIG_DFL]
    for number in taken:
        signal.signal(number, ending.take)
    try:
        yield ending
    finally:
        for number in taken:
            signal.signal(number, signal.SIG_DFL)
