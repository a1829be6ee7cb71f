"""The worker: all that is there is handed on, and nobody waits for ever."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from threading import Event

import pytest

from askattend.serving.worker import Job, Worker, WorkerDied
from serving.conftest import wait_until

Beat = Callable[[], object]


class Recorder:
    """Does every job it is handed, and remembers how many it was handed at once."""

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def __call__(self, jobs: list[Job], beat: Beat = lambda: None) -> None:
        self.sizes.append(len(jobs))
        for job in jobs:
            if job.start():
                job.future.set_result(len(self.sizes))


def started(handle: object, *, batch_wait: float = 0.0, stuck_after: float = 30.0) -> Worker:
    worker = Worker(handle, batch_wait=batch_wait, stuck_after=stuck_after)  # type: ignore[arg-type]
    worker.start()
    return worker


def test_what_arrives_together_is_handed_on_together() -> None:
    recorder = Recorder()
    worker = started(recorder, batch_wait=0.5)
    jobs = [Job() for _ in range(5)]
    wait([worker.submit(job) for job in jobs], timeout=30)
    assert recorder.sizes == [5]
    assert worker.waiting == 0
    worker.stop(timeout=30)


def test_what_is_left_is_handed_on_again() -> None:
    """Beside what has come in between."""
    seen: list[int] = []

    def first_alone(jobs: list[Job], beat: Beat) -> None:
        seen.append(len(jobs))
        assert jobs[0].start()
        jobs[0].future.set_result(None)

    worker = started(first_alone, batch_wait=0.5)
    wait([worker.submit(Job()) for _ in range(3)], timeout=30)
    assert seen == [3, 2, 1]
    worker.stop(timeout=30)


def test_what_nobody_waits_for_is_not_done() -> None:
    held, release, done = Event(), Event(), list[Job]()

    def handle(jobs: list[Job], beat: Beat) -> None:
        for job in jobs:
            if job.start():
                held.set()
                release.wait(30)
                done.append(job)
                job.future.set_result(None)

    worker = started(handle)
    first, second, third = Job(), Job(), Job()
    worker.submit(first)
    assert held.wait(30)
    futures = [worker.submit(second), worker.submit(third)]
    assert futures[0].cancel()
    release.set()
    futures[1].result(timeout=30)
    assert done == [first, third]
    worker.stop(timeout=30)


def test_an_error_is_told_to_those_who_wait_and_the_next_are_served() -> None:
    calls: list[int] = []

    def handle(jobs: list[Job], beat: Beat) -> None:
        calls.append(len(jobs))
        if len(calls) == 1:
            raise ValueError("not this time")
        Recorder()(jobs)

    worker = started(handle)
    with pytest.raises(ValueError, match="not this time"):
        worker.submit(Job()).result(timeout=30)
    assert worker.submit(Job()).result(timeout=30) == 1
    assert worker.problem is None
    worker.stop(timeout=30)


def test_a_worker_that_dies_tells_all_who_wait_and_refuses_more() -> None:
    held, release = Event(), Event()

    def die(jobs: list[Job], beat: Beat) -> None:
        held.set()
        release.wait(30)
        raise SystemExit

    worker = started(die)
    futures: list[Future[object]] = [worker.submit(Job())]
    assert held.wait(30)
    futures.append(worker.submit(Job()))
    release.set()
    for future in futures:
        with pytest.raises(WorkerDied):
            future.result(timeout=30)
    with pytest.raises(WorkerDied):
        worker.submit(Job())
    assert "ended" in str(worker.problem)


def test_a_worker_that_is_stuck_is_known_to_be_until_it_goes_on() -> None:
    release = Event()

    def handle(jobs: list[Job], beat: Beat) -> None:
        release.wait(30)
        Recorder()(jobs)

    worker = started(handle, stuck_after=0.5)
    assert worker.problem is None
    future = worker.submit(Job())
    wait_until(lambda: worker.problem is not None)
    assert "same work" in str(worker.problem)
    release.set()
    future.result(timeout=30)
    wait_until(lambda: worker.problem is None)
    worker.stop(timeout=30)
    assert worker.problem is not None


def test_a_worker_that_is_long_at_work_is_well_as_long_as_it_gets_on() -> None:
    release, beats = Event(), Event()

    def handle(jobs: list[Job], beat: Beat) -> None:
        while not release.wait(0.05):
            if not beats.is_set():
                beat()
        Recorder()(jobs)

    worker = started(handle, stuck_after=0.5)
    future = worker.submit(Job())
    for _ in range(20):
        time.sleep(0.05)
        assert worker.problem is None
    beats.set()  # it does no more
    wait_until(lambda: worker.problem is not None)
    release.set()
    future.result(timeout=30)
    worker.stop(timeout=30)
