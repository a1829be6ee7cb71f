"""A disk of which a step fails, or after any step of which a process is killed."""

from __future__ import annotations

import errno
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from askattend.files import system_calls

# All that change a disk.
STEPS = (
    *("create", "open_end", "write", "truncate", "flush", "rename", "flush_folder"),
    *("make_folder", "remove", "remove_tree"),
)
Watch = Callable[[str, tuple[Any, ...]], None]


@contextmanager
def watched_steps(before: Watch | None = None, after: Watch | None = None) -> Iterator[None]:
    """Call `before` and `after` around each step, of one thread at a time; with half a write, too.

    A write is made in two halves, so that a file is also met half written.
    """
    lock = threading.RLock()
    with pytest.MonkeyPatch.context() as patch:
        for name in STEPS:
            patch.setattr(system_calls, name, _watched(name, lock, before, after))
        yield


def _watched(
    name: str,
    lock: threading.RLock,
    before: Watch | None,
    after: Watch | None,
) -> Callable[..., Any]:
    real = getattr(system_calls, name)

    def step(*given: Any) -> Any:
        with lock:
            if before is not None:
                before(name, given)
            if name == "write" and len(given[1]) > 1:
                given = (given[0], given[1][: (len(given[1]) + 1) // 2])
            result = real(*given)
            if after is not None:
                after(name, given)
            return result

    return step


def count_steps(work: Callable[[], object]) -> list[str]:
    """Return the steps of some work, in order."""
    steps: list[str] = []
    with watched_steps(before=lambda name, given: steps.append(name)):
        work()
    return steps


@contextmanager
def failing_step(number: int, code: int) -> Iterator[list[str]]:
    """Let one step fail, counted from 0, by an error's number; 0 for a write that takes too little.

    Yields:
        the steps, the last of which failed.
    """
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


def snapshots(folder: Path, into: Path, work: Callable[[], object]) -> list[Path]:
    """Copy a folder after each step of some work that changes what a killed process would leave.

    Locks are not copied, as they end with a process.
    """
    copies: list[Path] = []

    def copy(name: str, given: tuple[Any, ...]) -> None:
        if name in ("flush", "flush_folder"):
            return
        copies.append(into / f"{len(copies)}-{name}")
        shutil.copytree(folder, copies[-1], symlinks=True)

    with watched_steps(after=copy):
        work()
    return copies


ERRORS = (errno.ENOSPC, errno.EIO, errno.EACCES)


def contents(folder: Path) -> dict[str, bytes | None]:
    """Read all files of a folder; None for a folder."""
    return {
        path.relative_to(folder).as_posix(): None if path.is_dir() else path.read_bytes()
        for path in sorted(folder.rglob("*"))
    }
