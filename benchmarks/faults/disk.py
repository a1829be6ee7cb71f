"""A disk of which a step fails, or after any step of which a process is killed."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

from askattend.files import system_calls

# All that change a disk.
STEPS = (
    *("create", "open_end", "write", "truncate", "flush", "rename", "flush_folder"),
    *("make_folder", "remove", "remove_empty", "remove_tree"),
)
# Those of which nothing is seen by whoever comes after a killed process.
FLUSHES = ("flush", "flush_folder")
# Those that tidy up, which may fail unheard.
TIDYING = ("remove", "remove_empty", "remove_tree", "truncate")
ERRORS = (errno.ENOSPC, errno.EIO, errno.EACCES)

Watch = Callable[[str, tuple[Any, ...]], None]


@contextmanager
def watched_steps(before: Watch | None = None, after: Watch | None = None) -> Iterator[None]:
    """Call `before` and `after` around each step, of one thread at a time.

    Every write is made in two halves, so that a file is also met half written.
    """
    lock, halved = threading.RLock(), set[int]()
    with ExitStack() as stack:
        for name in STEPS:
            step = _watched(name, lock, halved, before, after)
            stack.enter_context(mock.patch.object(system_calls, name, step))
        yield


def _watched(
    name: str,
    lock: Any,
    halved: set[int],
    before: Watch | None,
    after: Watch | None,
) -> Callable[..., Any]:
    real = getattr(system_calls, name)

    def step(*given: Any) -> Any:
        with lock:
            if before is not None:
                before(name, given)
            if name == "write":
                given = (given[0], _part(given[0], given[1], halved))
            result = real(*given)
            if after is not None:
                after(name, given)
            return result

    return step


def _part(handle: int, data: memoryview, halved: set[int]) -> memoryview:
    """Return the first half of what is to be written, and the next time all of the second."""
    if handle in halved or len(data) < 2:
        halved.discard(handle)
        return data
    halved.add(handle)
    return data[: (len(data) + 1) // 2]


def steps_of(work: Callable[[], object]) -> list[str]:
    """Return the steps of some work, in order."""
    steps: list[str] = []
    with watched_steps(before=lambda name, given: steps.append(name)):
        work()
    return steps


@contextmanager
def failing_step(number: int, code: int) -> Iterator[list[str]]:
    """Let one step fail, counted from 0, by an error's number; yields the steps so far."""
    steps: list[str] = []

    def fail(name: str, given: tuple[Any, ...]) -> None:
        steps.append(name)
        if len(steps) == number + 1:
            raise OSError(code, os.strerror(code))

    with watched_steps(before=fail):
        yield steps


def killed_after(number: int, work: Callable[[], object]) -> bool:
    """Do some work in a process that ends, without a chance to tidy up, after so many steps.

    Returns:
        True if it ended so, False if it had fewer.
    """
    child = os.fork()
    if child == 0:
        made = 0

        def end(name: str, given: tuple[Any, ...]) -> None:
            nonlocal made
            made += 1
            if made == number:
                os._exit(99)

        try:
            with watched_steps(after=end):
                work()
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 99


def contents(folder: Path) -> dict[str, bytes | None]:
    """Read all files of a folder; None for a folder."""
    return {
        path.relative_to(folder).as_posix(): None if path.is_dir() else path.read_bytes()
        for path in sorted(folder.rglob("*"))
    }
