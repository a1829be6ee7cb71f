"""Deeds done in a forked process that may take so much memory and time, and no more."""

from __future__ import annotations

import contextlib
import os
import pickle
import resource
import signal
import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from askattend.errors import AskAttendError

MEBIBYTE = 2**20


@dataclass(frozen=True)
class Outcome:
    """What became of a deed.

    Attributes:
        how: ``"done"``, ``"refused"``, ``"failed"``, or ``"killed"``.
        told: what it returned, as text; the refusal; a traceback; or the signal.
    """

    how: str
    told: str

    def refused(self, *parts: str) -> None:
        """Hold it to have been refused, with a message that holds these parts."""
        assert self.how == "refused", f"{self.how}: {self.told[-2000:]}"
        missing = [part for part in parts if part not in self.told]
        assert not missing, self.told

    def harmless(self) -> None:
        """Hold it to have been refused, or done."""
        assert self.how in ("refused", "done"), f"{self.how}: {self.told[-2000:]}"


def attempt(
    deed: Callable[[], Any], *, mib: int = 300, seconds: int = 20, user: int | None = None
) -> Outcome:
    """Do a deed in a process of its own.

    Args:
        deed: what to do; what it returns is told as text.
        mib: that it may take beside what this process has.
        seconds: that it may take.
        user: number of the user who does it; by default this one.
    """
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # on threads, of which there are none at work
        child = os.fork()
    if child == 0:
        os.close(reading)
        _child(deed, writing, mib, seconds, user)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        content = pipe.read()
    _, status = os.waitpid(child, 0)
    if content:
        return Outcome(*pickle.loads(content))
    return Outcome("killed", signal.Signals(os.WTERMSIG(status)).name)


def _child(deed: Callable[[], Any], writing: int, mib: int, seconds: int, user: int | None) -> None:
    """Do the deed, send what became of it, and end."""
    with contextlib.suppress(BaseException):
        if user is not None:
            os.setgroups([])
            os.setresgid(user, user, user)
            os.setresuid(user, user, user)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(seconds)
        taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (taken + mib * MEBIBYTE,) * 2)
        told: tuple[str, str]
        try:
            told = "done", str(deed())
        except (AskAttendError, PermissionError) as error:
            told = "refused", str(error)  # the command line says both alike
        except SystemExit as end:
            told = "refused" if end.code == 2 else "failed", f"status {end.code}"
        except BaseException:
            told = "failed", traceback.format_exc()
        os.write(writing, pickle.dumps((told[0], told[1][-20_000:])))
    os._exit(0)
