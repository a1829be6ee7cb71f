"""The budget of a search: how it is written, and how much of it is left."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass

from askattend.errors import ConfigError

_UNITS = {"h": 3600, "m": 60, "s": 1}
_WRITTEN = re.compile(r"(?=.)(?:([\d.]+)h)?(?:([\d.]+)m)?(?:([\d.]+)s)?")


def parse_duration(text: str) -> float:
    """Read a duration in seconds: ``"90s"``, ``"15m"``, ``"2h"``, ``"1h30m"``.

    Raises:
        ConfigError: it is none, or nothing.
    """
    found = _WRITTEN.fullmatch(text.strip())
    try:
        numbers = [float(number or 0) for number in found.groups()] if found else []
        seconds = sum(a * b for a, b in zip(numbers, _UNITS.values(), strict=bool(found)))
    except ValueError:
        seconds = 0
    if seconds <= 0:
        raise ConfigError("not a duration", where=text, remedy="Write 90s, 15m, 2h or 1h30m.")
    return seconds


def duration_text(seconds: float) -> str:
    """Write a duration as people do: ``"47s"``, ``"15m"``, ``"2m30s"``, ``"1h05m"``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}h{minutes:02}m" if minutes else f"{hours}h"
    if minutes:
        return f"{minutes}m{rest:02}s" if rest else f"{minutes}m"
    return f"{rest}s"


@dataclass(frozen=True)
class Budget:
    """Time that a search may take, interrupted ones together.

    Attributes:
        seconds: in all.
        before: spent before it was interrupted.
        clock: tells the time in seconds.
        started: when the clock began to count.
    """

    seconds: float
    before: float = 0.0
    clock: Callable[[], float] = time.monotonic
    started: float = 0.0

    @classmethod
    def start(
        cls, seconds: float, *, before: float = 0.0, clock: Callable[[], float] = time.monotonic
    ) -> Budget:
        """Begin to count."""
        return cls(seconds, before, clock, clock())

    @property
    def spent(self) -> float:
        """Seconds that are gone."""
        return self.before + self.clock() - self.started

    @property
    def left(self) -> float:
        """Seconds that are left; below zero where it is overdrawn."""
        return self.seconds - self.spent
