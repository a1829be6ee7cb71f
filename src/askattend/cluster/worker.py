"""The process that computes: an actor, which does one shard after another."""

from __future__ import annotations

import os
import platform
import socket
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import torch

from askattend.environment.provenance import commit, short, version
from askattend.errors import AskAttendError
from askattend.native.library import library


@dataclass(frozen=True)
class Hello:
    """Description of a worker by itself.

    Attributes:
        host: name and process.
        askattend: version, and commit where it is known.
        torch: version.
        processor: kind, and the instructions that PyTorch uses of it.
        sees: True where it sees the folder that results go to.
        refused: why it cannot write there; ``""`` where it can.
    """

    host: str
    askattend: str
    torch: str
    processor: str
    sees: bool
    refused: str = ""


@dataclass(frozen=True)
class Done:
    """A call that went well."""

    value: Any = None


@dataclass(frozen=True)
class Busy:
    """A shard that somebody else is writing."""


@dataclass(frozen=True)
class Unseen:
    """A file of images that is not there, or is another one, as the worker sees it.

    Attributes:
        place: the file.
        size: its bytes there; None where it is not there.
    """

    place: str
    size: int | None = None


@dataclass(frozen=True)
class Refused:
    """A mistake that the user can mend: an `AskAttendError`, which does not travel as it is."""

    kind: type[AskAttendError]
    problem: str
    where: str | None
    remedy: str

    @classmethod
    def of(cls, error: AskAttendError) -> Refused:
        """Take an error apart."""
        where = None if error.where is None else str(error.where)
        kind = (
            AskAttendError if type(error).__init__ is not AskAttendError.__init__ else type(error)
        )
        return cls(kind, error.problem, where, error.remedy)

    def error(self, host: str) -> AskAttendError:
        """Put it together again, with the host that raised it."""
        where = host if self.where is None else f"{self.where} (on {host})"
        return self.kind(self.problem, where=where, remedy=self.remedy)


Reply = Done | Busy | Unseen | Refused


@runtime_checkable
class Task(Protocol):
    """Anything that does shards."""

    def do(self, job: Any, advance: Callable[[int], None]) -> Reply:
        """Do a shard; `advance` is called with images done."""
        ...


@runtime_checkable
class Setup(Protocol):
    """All that a worker needs to know before its first shard."""

    def opened(self) -> AbstractContextManager[Task]:
        """Load what computes.

        Raises:
            AskAttendError: it is not to be had, or is another one than the driver's.
        """
        ...


def describe_program() -> str:
    """Return the version of askattend, and its commit where that is known."""
    known = commit()
    return version() if known is None else f"{version()} (commit {short(known)})"


def describe_processor() -> str:
    """Return what the last bit of a result may depend on, besides versions and threads."""
    kernels = "" if library() is None else ", kernels in C"
    return f"{platform.machine()} {torch.backends.cpu.get_cpu_capability()}{kernels}"


class Worker:
    """An actor of Ray's; imports nothing of it."""

    def __init__(self) -> None:
        # Processes that decode would import Ray's own main module, which they have no use for.
        vars(sys.modules["__main__"]).pop("__file__", None)
        self._stack = ExitStack()
        self._task: Task | None = None
        self._images = 0

    def hello(self, folder: str, token: str) -> Hello:
        """Say who this is, and look for the driver's file in the folder of results."""
        sees, refused = (Path(folder) / token).exists(), ""
        if sees:
            # Answered by a file, so that the driver sees that this is no copy.
            try:
                (Path(folder) / f"{token}.{socket.gethostname()}.{os.getpid()}").touch()
            except OSError as error:
                refused = error.strerror or str(error)
        host = f"{socket.gethostname()}, process {os.getpid()}"
        program, processor = describe_program(), describe_processor()
        return Hello(host, program, str(torch.__version__), processor, sees, refused)

    def begin(self, setup: Setup) -> Reply:
        """Load what computes."""

        def load() -> Reply:
            self._task = self._stack.enter_context(setup.opened())
            return Done()

        return _refusing(load)

    def do(self, job: Any) -> Reply:
        """Do a shard."""
        task, self._images = self._task, 0
        assert task is not None
        return _refusing(lambda: task.do(job, self._advance))

    def images(self) -> int:
        """Return how many images of the present shard are done; called beside `do`."""
        return self._images

    def _advance(self, count: int) -> None:
        self._images += count


def _refusing(work: Callable[[], Reply]) -> Reply:
    """Do some work; return what the user can mend as a reply."""
    try:
        return work()
    except AskAttendError as error:
        return Refused.of(error)
    except OSError as error:
        problem = f"cannot be read or written ({error.strerror or error})"
        return Refused(AskAttendError, problem, error.filename, "Check the disk.")
