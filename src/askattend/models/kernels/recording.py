"""Listening to the steps of a forward pass."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

Listener = Callable[[Any], None]
_listener: ContextVar[Listener | None] = ContextVar("listener", default=None)


def listener() -> Listener | None:
    """Return the one that listens in this thread, if there is one."""
    return _listener.get()


def is_recording() -> bool:
    """Tell if somebody listens: then every step has to be made as a tensor, quick or not."""
    return listener() is not None


@contextmanager
def listening(new: Listener) -> Iterator[None]:
    """Tell `new` of every step that happens inside the ``with`` block, in this thread."""
    token = _listener.set(new)
    try:
        yield
    finally:
        _listener.reset(token)
