"""Connections that ask nothing, which would otherwise be kept for ever."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any

MOST = 512


class IdleConnections:
    """Closes connections that have been idle for long.

    uvicorn closes those that were answered and ask nothing more, but neither those that never ask
    nor those that never come to the end of their headers.

    Args:
        seconds: how long a connection may be idle.
        most: how many may be idle at once; of more, those that are for longest are closed.
        clock: the time in seconds.
    """

    def __init__(
        self, seconds: float, *, most: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._seconds, self._most, self._clock = seconds, most, clock
        # Of each connection its last request, and when that was first seen to be over.
        self._since: dict[Any, tuple[object, float]] = {}

    def close(self, connections: Iterable[Any]) -> None:
        """Look at uvicorn's connections; close those that are idle for too long, or too many."""
        now, idle = self._clock(), dict[Any, tuple[object, float]]()
        for connection in list(connections):
            request = connection.cycle
            if request is not None and not request.response_complete:
                continue
            before, since = self._since.get(connection, (request, now))
            idle[connection] = (request, since if before is request else now)
        longest_first = sorted(idle, key=lambda connection: idle[connection][1])
        too_many = len(idle) - self._most
        for place, connection in enumerate(longest_first):
            if place < too_many or now - idle[connection][1] > self._seconds:
                connection.transport.close()
        self._since = idle


def most_idle() -> int:
    """Return how many idle connections leave enough files to be opened for those at work."""
    try:
        import resource
    except ImportError:  # where there is no such limit
        return MOST
    allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST if allowed == resource.RLIM_INFINITY else min(MOST, allowed // 2)
