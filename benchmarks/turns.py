"""Threads that move by turns: a seed decides who is next, and who dies before its step."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable

from filelock import FileLock

MOST_DEATHS = 8
DIES = 0.04
# Steps after which nobody makes progress any more.
ENDLESS = 20_000


class Died(BaseException):
    """Ends a worker at once; no handler of errors takes it for one."""


class Worker:
    """A thread that moves only when it is its turn."""

    def __init__(self, number: int, turns: Turns, work: Callable[[], None]) -> None:
        self.number, self._turns, self._work = number, turns, work
        self.dies = self.dead = self.ended = False
        self.error: BaseException | None = None
        self.go = threading.Semaphore(0)
        self.locks: list[FileLock] = []
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def step(self) -> None:
        """Wait for the next turn; die if that is what it brings, or what an earlier one did."""
        if not self.dead:
            self._turns.back.release()
            self.go.acquire()
            self.dead = self.dies
        if self.dead:
            raise Died

    def _run(self) -> None:
        self.go.acquire()
        self._turns.here.worker = self
        try:
            self._work()
        except Died:
            pass
        except BaseException as error:  # told by who gave the turn
            self.error = error
        finally:
            self._turns.here.worker = None
            for lock in self.locks:  # as the system does when a process is gone
                lock.release(force=True)
            self.ended = True
            self._turns.back.release()


class Turns:
    """The seed's decisions, and how a worker is found from within its thread."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.back = threading.Semaphore(0)
        self.here = threading.local()
        self.deaths_left = self.random.randrange(MOST_DEATHS + 1)
        self.deaths = self.steps = 0

    def worker(self) -> Worker | None:
        """Return the worker that this thread is; None in any other."""
        return getattr(self.here, "worker", None)

    def step(self) -> None:
        """Let a worker wait here; anybody else passes."""
        if (worker := self.worker()) is not None:
            worker.step()

    def give(self, worker: Worker) -> None:
        """Let one worker move by a step, which may be its last."""
        self.steps += 1
        assert self.steps < ENDLESS, "workers wait for each other"
        if self.deaths_left and self.random.random() < DIES:
            self.deaths_left, self.deaths, worker.dies = self.deaths_left - 1, self.deaths + 1, True
        worker.go.release()
        self.back.acquire()
        if worker.error is not None:
            raise worker.error
