"""The one thread that computes, and the queue before it."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from threading import Condition, Thread
from typing import Any

from askattend.serving.logs import log_failure

# Seconds after which an idle worker shows that it is still there.
_IDLE = 0.2


class WorkerDied(Exception):
    """The thread that computes has ended; what it had before it will never be answered."""


@dataclass(eq=False)
class Job:
    """Something for the worker to do; whoever waits for it holds its future."""

    future: Future[Any] = field(default_factory=Future, init=False)

    def start(self) -> bool:
        """Return True unless nobody waits for it any more; it cannot be cancelled from then on."""
        if self.future.done():
            return False
        return self.future.running() or self.future.set_running_or_notify_cancel()


class Worker:
    """A thread that hands all jobs that are there to a function, over and over.

    Args:
        handle: does some of the jobs, and sets their futures; what it leaves it is given again,
            beside what has come in between. It calls its second argument after each piece of work.
        batch_wait: seconds that an idle worker waits for more after the first job.
        stuck_after: seconds after which a piece of work counts as stuck.
    """

    def __init__(
        self,
        handle: Callable[[list[Job], Callable[[], object]], None],
        *,
        batch_wait: float,
        stuck_after: float,
    ) -> None:
        self._handle, self._batch_wait, self._stuck_after = handle, batch_wait, stuck_after
        self._changed, self._waiting, self._jobs = Condition(), list[Job](), list[Job]()
        self._stopping = self._dead = False
        self._beat = time.monotonic()
        # A daemon: where it is stuck, the process ends all the same.
        self._thread = Thread(target=self._run, name="worker", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._beat_now()
        self._thread.start()

    def stop(self, *, timeout: float) -> None:
        """Let the thread end after what it is doing, and wait for that so many seconds at most."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        self._thread.join(timeout)

    def submit(self, job: Job) -> Future[Any]:
        """Put a job into the queue; its future is what this returns.

        Raises:
            WorkerDied: the thread has ended.
        """
        with self._changed:
            if self._dead:
                raise WorkerDied
            self._waiting.append(job)
            self._changed.notify()
        return job.future

    @property
    def waiting(self) -> int:
        """Jobs that are not done."""
        return len(self._waiting) + len(self._jobs)

    @property
    def problem(self) -> str | None:
        """Say what is wrong with the worker; None where it is well."""
        if self._dead or not self._thread.is_alive():
            return "the thread that computes has ended"
        if (silent := time.monotonic() - self._beat) > self._stuck_after:
            return f"the thread that computes has been at the same work for {silent:.0f} s"
        return None

    def _run(self) -> None:
        try:
            while not self._stopping:
                taken = self._take(wait=not self._jobs)
                self._jobs = [job for job in (*self._jobs, *taken) if not job.future.done()]
                if self._jobs:
                    self._handle_or_fail(self._jobs)
                self._jobs = [job for job in self._jobs if not job.future.done()]
        except BaseException as error:  # what ends a thread would be seen by nobody
            log_failure("the worker died", error)
        finally:
            self._die()

    def _take(self, *, wait: bool) -> list[Job]:
        with self._changed:
            self._beat_now()
            if wait and not self._waiting:
                self._changed.wait(_IDLE)
                if self._waiting and self._batch_wait:
                    # What arrives together is answered together.
                    until = time.monotonic() + self._batch_wait
                    while not self._stopping and (left := until - time.monotonic()) > 0:
                        self._changed.wait(left)
            taken, self._waiting = self._waiting, []
            self._beat_now()
            return taken

    def _handle_or_fail(self, jobs: list[Job]) -> None:
        try:
            self._handle(jobs, self._beat_now)
        except Exception as error:  # those who wait are told; the next jobs may be well
            for job in jobs:
                if job.start():
                    job.future.set_exception(error)

    def _beat_now(self) -> None:
        self._beat = time.monotonic()

    def _die(self) -> None:
        with self._changed:
            self._dead = True
            left, self._waiting, self._jobs = [*self._jobs, *self._waiting], [], []
        for job in left:
            if job.start():
                job.future.set_exception(WorkerDied())
