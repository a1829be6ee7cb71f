"""Processes as threads of one: they tell each other the same, and start at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from dataclasses import dataclass, field
from threading import Barrier, BrokenBarrierError
from typing import Any, TypeVar

import torch
from torch import Tensor

from askattend.training.processes import LostProcessError, Processes

T = TypeVar("T")


@dataclass
class Table:
    """What threads lay down for each other."""

    barrier: Barrier
    values: dict[int, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class ThreadProcesses(Processes):
    """One of several threads."""

    rank: int
    count: int
    table: Table
    local_rank: int = 0

    def gather(self, value: T) -> list[T]:
        self.table.values[self.rank] = value
        self._wait()
        values = [self.table.values[rank] for rank in range(self.count)]
        self._wait()
        return values

    def first_does(self, work: Callable[[], T]) -> T:
        values: list[Any] = self.gather(work() if self.first else None)
        result: T = values[0] if self.first else deepcopy(values[0])
        self._wait()
        return result

    def in_turns(self, work: Callable[[], T]) -> T:
        results = []
        for rank in range(self.count):
            if rank == self.rank:
                results.append(work())
            self.gather(None)
        return results[0]

    def any(self, flag: bool) -> bool:
        return any(self.gather(flag))

    def sum(self, tensor: Tensor) -> None:
        tensor.copy_(torch.stack(self.gather(tensor.clone())).sum(dim=0))

    def take_from_first(self, tensors: Iterable[Tensor]) -> None:
        own = list(tensors)
        firsts = self.gather([tensor.detach().clone() for tensor in own])[0]
        with torch.no_grad():
            for tensor, first in zip(own, firsts, strict=True):
                tensor.copy_(first)

    def _wait(self) -> None:
        try:
            self.table.barrier.wait(60)
        except BrokenBarrierError:
            raise LostProcessError("another thread has ended") from None


def together(count: int, work: Callable[[Processes], T]) -> list[T]:
    """Do some work in so many threads; an error of the first that has one is raised."""
    table = Table(Barrier(count))

    def one(rank: int) -> T:
        try:
            return work(ThreadProcesses(rank=rank, count=count, table=table))
        except Exception:  # at Ctrl-C all end by themselves
            table.barrier.abort()
            raise

    with ThreadPoolExecutor(count) as pool:
        futures = [pool.submit(one, rank) for rank in range(count)]
        errors = [error for future in futures if (error := future.exception()) is not None]
        for error in sorted(errors, key=lambda error: isinstance(error, LostProcessError)):
            raise error
        return [future.result() for future in futures]
