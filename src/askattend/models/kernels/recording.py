"""Listening to the steps of a forward pass."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

Listener = Callable[[Any], None]
_listener: ContextVar[Listener | None] = ContextVar("listener", default=None)


def is_recording() -> bool:
    """Tell if somebody listens: then every step has to be made as a tensor, quick or not."""
    return _listener.get() is not None


def tell(make_step: Callable[[], Any]) -> None:
    """Make a step for the one that listens in this thread; without one, nothing is made."""
    listener = _listener.get()
    if listener is not None:
        listener(make_step())


@contextmanager
def listening(new: Listener) -> Iterator[None]:
    """Tell `new` of every step that happens inside the ``with`` block, in this thread."""
    token = _listener.set(new)
    try:
        yield
    finally:
        _listener.reset(token)
