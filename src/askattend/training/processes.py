"""Processes that train one network together: who is who, and what they tell each other.

One process is `ALONE`, for which every method is as if it were not there. How several find each
other is told by `askattend.training.joining`.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar, runtime_checkable

import torch
import torch.distributed as dist
from torch import Tensor

from askattend.errors import AskAttendError, RunError

T = TypeVar("T")
# A message of the process that failed, which the others can read.
FAILURE = "failure"
# Seconds between two looks for what another process has done.
LOOK_EVERY = 0.02


@runtime_checkable
class Store(Protocol):
    """Texts and counts that all processes read and write, without waiting: torch's TCPStore."""

    def set(self, key: str, value: str) -> None:
        """Write a text."""

    def get(self, key: str) -> bytes:
        """Read what was written, which must be there."""

    def add(self, key: str, number: int) -> int:
        """Add to a count; return what it is now."""

    def check(self, keys: list[str]) -> bool:
        """Return True if all are there."""

    def compare_set(self, key: str, expected: str, desired: str) -> bytes:
        """Write a text if another, or ``""`` for none, is there."""


class LostProcessError(RunError):
    """Another process has ended, or cannot be reached."""


class Processes:
    """One process, which has nobody to talk to.

    Attributes:
        rank: this process's number; 0, the first, alone writes and prints.
        count: of all processes.
        local_rank: this process's number among those of its host.
    """

    rank: int = 0
    count: int = 1
    local_rank: int = 0

    @property
    def first(self) -> bool:
        """True of the process that writes and prints."""
        return self.rank == 0

    def first_does(self, work: Callable[[], T]) -> T:
        """Let the first process do some work, however long; return its result to all."""
        return work()

    def in_turns(self, work: Callable[[], T]) -> T:
        """Do some work that leaves files, one process after another where they share a disk.

        The first begins; then one of every other host, which finds the files there or makes its
        own; then all others, who find them.
        """
        return work()

    def gather(self, value: T) -> list[T]:
        """Return every process's value, by rank."""
        return [value]

    def any(self, flag: bool) -> bool:
        """Return True in all processes if it is True in one."""
        return flag

    def sum(self, tensor: Tensor) -> None:
        """Replace a tensor by the sum of all processes' tensors, bit for bit the same in all."""

    def take_from_first(self, tensors: Iterable[Tensor]) -> None:
        """Replace tensors by those of the first process."""

    def require_same(self, what: str, value: object) -> None:
        """Refuse to go on where processes differ in something.

        Raises:
            RunError: names one that differs from the first, and both values.
        """
        values = self.gather(value)
        for rank, other in enumerate(values):
            if other != values[0]:
                raise RunError(
                    f"{what}: {self.name(rank)} has {other}, and {self.name(0)} {values[0]}",
                    where="processes",
                    remedy="Start all processes with the same program, command and files.",
                )

    def require_each(self, holds: bool, problem: str, remedy: str) -> None:
        """Refuse to go on unless something holds of every process.

        Raises:
            RunError: names the first of which it does not.
        """
        for rank, there in enumerate(self.gather(holds)):
            if not there:
                raise RunError(f"{self.name(rank)} {problem}", where="processes", remedy=remedy)

    def name(self, rank: int) -> str:
        """Name a process for people."""
        return f"process {rank}"


ALONE = Processes()


@dataclass(frozen=True, kw_only=True)
class Peers(Processes):
    """Several processes, joined by torch.distributed.

    Attributes:
        rank, count, local_rank: as of `Processes`.
        hosts: the host of each process.
        store: what all can read and write, without waiting for each other.
        numbers: how often this process has waited; the same in all of them.
    """

    rank: int
    count: int
    local_rank: int
    hosts: Sequence[str]
    store: Store
    numbers: Iterator[int]

    def first_does(self, work: Callable[[], T]) -> T:  # noqa: D102
        result: list[Any] = [work() if self.first else None]
        # Collectives have a time limit, and work has none.
        self._wait_for_first()
        with _as_lost():
            dist.broadcast_object_list(result, src=0)
        value: T = result[0]
        return value

    def in_turns(self, work: Callable[[], T]) -> T:  # noqa: D102
        mine = 0 if self.first else 1 if self.local_rank == 0 else 2
        results = []
        for turn in range(3):
            if turn == mine:
                results.append(work())
            self._wait_for_all()
        return results[0]

    def gather(self, value: T) -> list[T]:  # noqa: D102
        values: list[Any] = [None] * self.count
        with _as_lost():
            dist.all_gather_object(values, value)
        return values

    def any(self, flag: bool) -> bool:  # noqa: D102
        flags = torch.tensor([float(flag)])  # of the processor, so that no GPU is waited for
        self.sum(flags)
        return bool(flags.item())

    def sum(self, tensor: Tensor) -> None:  # noqa: D102
        with _as_lost():
            dist.all_reduce(tensor)

    def take_from_first(self, tensors: Iterable[Tensor]) -> None:  # noqa: D102
        with _as_lost(), torch.no_grad():
            for tensor in tensors:
                dist.broadcast(tensor, src=0)

    def name(self, rank: int) -> str:  # noqa: D102
        return f"process {rank} on {self.hosts[rank]}"

    def _wait_for_first(self) -> None:
        key = f"first/{next(self.numbers)}"
        if self.first:
            self.store.set(key, "done")
        self._wait_until(lambda: self.store.check([key]))

    def _wait_for_all(self) -> None:
        key = f"all/{next(self.numbers)}"
        self.store.add(key, 1)
        self._wait_until(lambda: self.store.add(key, 0) == self.count)

    def _wait_until(self, done: Callable[[], bool]) -> None:
        """Wait without a limit: whoever dies meanwhile is noticed by `joining.Watch`."""
        with _as_lost():
            while not done():
                if self.store.check([FAILURE]):
                    raise LostProcessError("another process has failed", where="processes")
                time.sleep(LOOK_EVERY)


def reason(error: Exception) -> str:
    """Cut from an error of torch's what is for its developers: places in files, advice."""
    line = (str(error) or type(error).__name__).splitlines()[0]
    return re.sub(r"^(\[\S*\] *)+", "", line).partition(". ")[0].rstrip(".")


@contextmanager
def _as_lost() -> Iterator[None]:
    """Say of a connection's error what it means."""
    try:
        yield
    except AskAttendError:
        raise
    except RuntimeError as error:  # torch's own DistError is one
        raise LostProcessError(
            f"another process has ended or cannot be reached ({reason(error)})",
            where="processes",
            remedy="See its own message; then go on with --resume.",
        ) from error
