"""The death of another process: how it is noticed, and told once."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace

from torch.distributed.elastic.multiprocessing.errors import get_error_handler

from askattend.errors import AskAttendError, RunError
from askattend.training.processes import FAILURE, LostProcessError, Store
from askattend.training.rendezvous import Place, connect, part_of_attempt

# Seconds between two signs of life, and without one until a process counts as dead.
BEAT_EVERY, DEAD_AFTER = 1.0, 15.0
# Seconds that a process has to end by itself once another has failed.
GRACE = 5.0


@dataclass(frozen=True)
class Board:
    """Where a process that fails leaves its message, so that each host prints the cause once.

    Attributes:
        store: shared by all.
        address: of this host.
        name: of this process.
    """

    store: Store
    address: str
    name: str

    @contextmanager
    def told(self, *, first: bool) -> Iterator[None]:
        """Tell the others about an error; keep it silent here where it has been printed.

        Args:
            first: the process prints what is no error, too.
        """
        try:
            yield
        except LostProcessError as error:
            with _undisturbed():  # torchrun's SIGTERM may come before the cause is known
                cause = self.cause(wait=GRACE / 2)
            self._leave_message(error.problem)
            raise self._once(error if cause is None else RunError(cause)) from None
        except KeyboardInterrupt:
            # torchrun ends with SIGTERM those who are left when one has failed.
            if self.cause() is not None:
                raise SystemExit(2) from None
            if first:
                raise
            raise SystemExit(130) from None
        except SystemExit as stop:
            if stop.code:  # whoever exits so has printed why
                self.first_here()
                self._leave_message("has ended")
            raise
        except Exception as error:
            self._leave_message(str(error) or type(error).__name__)
            if isinstance(error, AskAttendError):
                raise self._once(error) from None
            self.first_here()
            get_error_handler().record_exception(error)  # which torchrun prints at the end
            raise

    def cause(self, wait: float = 0.0) -> str | None:
        """Return what a process that failed has left, if one does within some seconds."""
        ends = time.monotonic() + wait
        with suppress(RuntimeError):
            while not self.store.check([FAILURE]):
                if time.monotonic() >= ends:
                    return None
                time.sleep(0.05)
            return self.store.get(FAILURE).decode()
        return None

    def first_here(self) -> bool:
        """Return True for the first process of this host that asks."""
        with suppress(RuntimeError):
            return self.store.add(f"printed/{self.address}", 1) == 1
        return True

    def _once(self, error: AskAttendError) -> BaseException:
        return error if self.first_here() else SystemExit(2)

    def _leave_message(self, message: str) -> None:
        with suppress(RuntimeError):
            self.store.compare_set(FAILURE, "", f"{self.name}: {message.rstrip('.')}")


class Watch:
    """Two threads that end this process if another has died: a hung collective never returns.

    Each process gives signs of life in the store. The first looks for all others', the others for
    the first's: when that has ended, the store is gone or its sign is missing.

    Args:
        place: of this process.
        attempt: as torchrun may start processes anew.
        board: where errors are told.
        hosts: of all processes.
    """

    def __init__(self, place: Place, attempt: int, board: Board, hosts: Sequence[str]) -> None:
        self._place, self._hosts = place, hosts
        # A connection of its own: the main thread's may be waiting.
        self._store = part_of_attempt(connect(replace(place, hosts_store=False)), attempt)
        self._board = replace(board, store=self._store)
        self._done, self._heard = threading.Event(), time.monotonic()
        others = range(1, place.count) if place.rank == 0 else range(1)
        self._beats = dict.fromkeys(others, (0, time.monotonic()))

    @contextmanager
    def running(self) -> Iterator[None]:
        """Watch for as long as a block takes."""
        threads = [
            threading.Thread(target=target, name=target.__name__, daemon=True)
            for target in (self._beat, self._guard)
        ]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._done.set()

    def _beat(self) -> None:
        while not self._done.wait(BEAT_EVERY):
            try:
                self._store.add(f"alive/{self._place.rank}", 1)
                for rank, (beats, _) in self._beats.items():
                    if (now := self._store.add(f"alive/{rank}", 0)) != beats:
                        self._beats[rank] = now, time.monotonic()
                failed = self._store.check([FAILURE])
            except RuntimeError:
                self._end_unless_done(f"{self._place.address} has ended or cannot be reached")
                return
            self._heard = time.monotonic()
            if failed:
                self._end_unless_done(self._board.cause() or "another process has failed")
                return

    def _guard(self) -> None:
        """Look at the clock alone, since what the other thread asks may never be answered."""
        while not self._done.wait(BEAT_EVERY):
            limit = time.monotonic() - DEAD_AFTER
            if self._heard < limit:
                self._end(f"{self._place.address} has not answered for {DEAD_AFTER:.0f} s")
            for rank, (_, since) in self._beats.items():
                if since < limit:
                    name = f"process {rank} on {self._hosts[rank]}"
                    self._end(f"{name} has given no sign of life for {DEAD_AFTER:.0f} s")

    def _end_unless_done(self, message: str) -> None:
        """End after a while in which the main thread may end by itself, with more to tell."""
        if not self._done.wait(GRACE):
            self._end(message)

    def _end(self, message: str) -> None:
        # The main thread may be within a collective for ever, and cannot be asked.
        answers = time.monotonic() - self._heard < DEAD_AFTER / 2
        if not answers or self._board.first_here():
            remedy = "Go on with --resume."
            print(f"askattend: {self._board.name}: {message}. {remedy}", file=sys.stderr)
        sys.stderr.flush()
        os._exit(2)


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Ignore Ctrl-C and SIGTERM for a moment."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {n: signal.signal(n, signal.SIG_IGN) for n in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
