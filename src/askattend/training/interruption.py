"""Ctrl-C during training: put off until a step is done, so that what is kept is whole."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Interruption:
    """A wish to stop, noted while a step is made; a second one stops at once.

    Attributes:
        asked: True once somebody has pressed Ctrl-C.
    """

    def __init__(self) -> None:
        self.asked = False

    @contextmanager
    def put_off(self) -> Iterator[None]:
        """Note Ctrl-C instead of raising KeyboardInterrupt; elsewhere than in a main thread, don't.

        Who has a handler of their own keeps it.
        """
        usual = signal.getsignal(signal.SIGINT) is signal.default_int_handler
        if not usual or threading.current_thread() is not threading.main_thread():
            yield
            return
        signal.signal(signal.SIGINT, self._note)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True
