"""Connections that ask nothing, which would otherwise be kept for ever."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any


class IdleConnections:
    """Closes connections that have been idle for long.

    uvicorn closes those that were answered and ask nothing more, but neither those that never ask
    nor those that never come to the end of their headers.

    Args:
        seconds: how long a connection may be idle.
        clock: the time in seconds.
    """

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds, self._clock = seconds, clock
        # Of each connection its last request, and when that was first seen to be over.
        self._since: dict[Any, tuple[object, float]] = {}

    def close(self, connections: Iterable[Any]) -> None:
        """Look at uvicorn's connections, and close those that are idle for too long."""
        now, idle = self._clock(), dict[Any, tuple[object, float]]()
        for connection in list(connections):
            request = connection.cycle
            if request is not None and not request.response_complete:
                continue
            before, since = self._since.get(connection, (request, now))
            idle[connection] = (request, since if before is request else now)
            if now - idle[connection][1] > self._seconds:
                connection.transport.close()
        self._since = idle
