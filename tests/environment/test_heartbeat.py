"""A line a minute for who reads a log, and none beside a bar."""

from __future__ import annotations

import io
import itertools
from threading import Event

import pytest
from rich.console import Console

from askattend.environment.heartbeat import Heartbeat, still_at_work


@pytest.mark.parametrize(("interactive", "lines"), [(False, 4), (True, 0)])
def test_a_line_a_minute(interactive: bool, lines: int) -> None:
    written, ticks = io.StringIO(), itertools.count(0, 20)
    console = Console(file=written, force_interactive=interactive, force_terminal=interactive)
    heart = Heartbeat(console, clock=lambda: float(next(ticks)))
    for number in range(12):
        heart.beat(lambda number=number: f"[b]step {number}[/b]")  # type: ignore[misc]
    printed = written.getvalue().splitlines()
    assert len(printed) == lines
    assert all("[b]step" in line for line in printed)  # as it is, not marked up


def test_what_tells_nothing_itself_is_still_at_work() -> None:
    told = Event()

    class Writing(io.StringIO):
        def write(self, text: str) -> int:
            if "still fitting" in text:
                told.set()
            return super().write(text)

    with still_at_work(Console(file=Writing()), "fitting", every=0.01):
        assert told.wait(20)
    told.clear()
    with still_at_work(Console(file=Writing(), quiet=True), "fitting", every=0.001):
        assert not told.wait(0.05)
