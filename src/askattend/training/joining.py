"""How processes started by torchrun find each other, and learn that one of them has died."""

from __future__ import annotations

import itertools
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import timedelta

import msgspec
import torch
import torch.distributed as dist
from torch.distributed.elastic.multiprocessing.errors import get_error_handler

from askattend.environment.network import interface_of, local_address
from askattend.environment.provenance import commit, version
from askattend.errors import AskAttendError, RunError
from askattend.training.processes import (
    ALONE,
    FAILURE,
    LostProcessError,
    Peers,
    Processes,
    Store,
    reason,
)

# Seconds within which the address answers, and within which all processes have come.
ANSWERS_WITHIN, ALL_WITHIN = 20.0, 60.0
# Seconds between two signs of life, and without one until a process counts as dead.
BEAT_EVERY, DEAD_AFTER = 1.0, 15.0
# Seconds that a process has to end by itself once another has failed.
GRACE = 5.0
# A collective's own limit, in case all are alive and one hangs.
COLLECTIVE_LIMIT = timedelta(minutes=30)
VARIABLES = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")


class Hello(msgspec.Struct, frozen=True):
    """What a process tells the others when it comes.

    Attributes:
        host: its name and address.
        program: versions of askattend and PyTorch.
        command: the words of its command.
        gpus: that it sees.
    """

    host: str
    program: str
    command: tuple[str, ...]
    gpus: int


@dataclass(frozen=True)
class Place:
    """The place of this process among all, as torchrun tells it by environment variables.

    Attributes:
        rank: its number.
        count: of all processes.
        local_rank: its number among those of its host.
        address, port: where the store that they share is.
        hosts_store: True if this process keeps the store.
        restarts: that it knows to have been before, of all processes.
    """

    rank: int
    count: int
    local_rank: int
    address: str
    port: int
    hosts_store: bool
    restarts: int = 0

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Place | None:
        """Read the variables; None where there is one process.

        Raises:
            RunError: some are missing or make no sense; names them.
        """
        if environment.get("WORLD_SIZE", "1") == "1":
            return None
        given = {name: environment.get(name, "") for name in VARIABLES}
        numbers = {name: text for name, text in given.items() if name != "MASTER_ADDR"}
        wrong = [name for name, text in numbers.items() if not text.isdigit()]
        wrong += [] if given["MASTER_ADDR"] else ["MASTER_ADDR"]
        if wrong or not int(given["RANK"]) < int(given["WORLD_SIZE"]):
            told = ", ".join(f"{name}={given[name]}" for name in wrong or ("RANK", "WORLD_SIZE"))
            raise RunError(
                f"there are to be several processes, but not as torchrun starts them ({told})",
                where="environment",
                remedy="Start them with torchrun, or unset WORLD_SIZE.",
            )
        rank, count, local, port = (int(text) for text in numbers.values())
        # torchrun's own process keeps the store, and outlives the first of ours.
        own = environment.get("TORCHELASTIC_USE_AGENT_STORE") != "True" and rank == 0
        alone = environment.get("GROUP_WORLD_SIZE") == "1"
        restarts = int(environment.get("TORCHELASTIC_RESTART_COUNT", "0")) if alone else 0
        return cls(rank, count, local, given["MASTER_ADDR"], port, own, restarts)


def restarted(environment: Mapping[str, str]) -> bool:
    """Return True where torchrun starts the processes anew, after one of them had failed."""
    return environment.get("TORCHELASTIC_RESTART_COUNT", "0") not in ("", "0")


@contextmanager
def joined(command: Sequence[str]) -> Iterator[Processes]:
    """Join the other processes, if torchrun has started several, for as long as a block takes.

    Args:
        command: its words, which must be the same everywhere.

    Raises:
        RunError: the address does not answer, a process does not come, or they differ.
    """
    place = Place.of(os.environ)
    if place is None:
        yield ALONE
        return
    here = local_address(place.address)
    # Gloo takes the address that the host's name stands for, which often is the loopback's.
    if (interface := interface_of(here)) is not None:
        os.environ.setdefault("GLOO_SOCKET_IFNAME", interface)
    number, store = _attempt(place, connect(place))
    board = Board(store, here, f"process {place.rank} on {socket.gethostname()}")
    with _terminated_as_interrupted(), board.told(first=place.rank == 0):
        hellos = _greet(place, store, command)
        watch = Watch(place, number, board, [hello.host for hello in hellos])
        with watch.running(), _group(place, store, hellos):
            yield Peers(
                rank=place.rank,
                count=place.count,
                local_rank=place.local_rank,
                hosts=[hello.host for hello in hellos],
                store=store,
                numbers=itertools.count(),
            )
            _leave(place, store)


def connect(place: Place, within: float = ANSWERS_WITHIN) -> Store:
    """Connect to the store that all processes share.

    Raises:
        RunError: its address does not answer.
    """
    limit = timedelta(seconds=within)
    try:
        if not place.hosts_store:
            _knock(place, within)
        store: Store = dist.TCPStore(  # type: ignore[attr-defined]
            place.address, place.port, None, place.hosts_store, limit, wait_for_workers=False
        )
        return store
    except (OSError, RuntimeError) as error:
        raise RunError(
            f"does not answer ({reason(error)})",
            where=f"{place.address}:{place.port}",
            remedy="See that the first process runs, and that its host can be reached from here: "
            "MASTER_ADDR and MASTER_PORT, --master-addr and --master-port of torchrun.",
        ) from None


def _knock(place: Place, within: float) -> None:
    """Try the address until it answers; TCPStore's own message names no reason."""
    ends = time.monotonic() + within
    while True:
        left = max(ends - time.monotonic(), 0.1)
        try:
            socket.create_connection((place.address, place.port), timeout=left).close()
            return
        except OSError:
            if time.monotonic() > ends - 0.5:
                raise
            time.sleep(0.5)


def _part(store: Store, attempt: int) -> Store:
    part: Store = dist.PrefixStore(str(attempt), store)  # type: ignore[attr-defined,arg-type]
    return part


def _attempt(place: Place, store: Store) -> tuple[int, Store]:
    """Return the number of this attempt, and the part of a store that is its own.

    torchrun's store outlives its restarts. The restarts that a host counts are not those of
    another, so a process looks for the first attempt that it has not come to before.
    """
    number = place.restarts
    while True:
        part = _part(store, number)
        if part.add(f"came/{place.rank}", 1) == 1 and not part.check([FAILURE]):
            return number, part
        number += 1


def _greet(place: Place, store: Store, command: Sequence[str]) -> list[Hello]:
    """Tell who is here, wait for all others, and compare."""
    own = Hello(
        host=f"{socket.gethostname()} ({local_address(place.address)})",
        program=f"askattend {version()}, commit {commit()}, PyTorch {torch.__version__}",
        command=tuple(command),
        gpus=torch.cuda.device_count(),
    )
    store.set(f"hello/{place.rank}", msgspec.json.encode(own).decode())
    ends = time.monotonic() + ALL_WITHIN
    hellos: list[Hello] = []
    for rank in range(place.count):
        while not store.check([f"hello/{rank}"]):
            if time.monotonic() > ends:
                raise RunError(
                    f"process {rank} of {place.count} has not come within {ALL_WITHIN:.0f} s",
                    where="processes",
                    remedy="See its own message, and that all hosts name the same address.",
                )
            time.sleep(0.05)
        hellos.append(msgspec.json.decode(store.get(f"hello/{rank}"), type=Hello))
    _require_alike(own, hellos[0], f"process {place.rank} on {own.host}")
    return hellos


def _require_alike(own: Hello, first: Hello, name: str) -> None:
    for part, remedy in (
        ("program", "Install the same version on all hosts."),
        ("command", "Give all processes the same options."),
    ):
        ours, theirs = (getattr(hello, part) for hello in (own, first))
        if ours != theirs:
            ours, theirs = (
                text if isinstance(text, str) else " ".join(text) for text in (ours, theirs)
            )
            raise RunError(
                f"the {part}s differ: {name} has {ours}, and process 0 on {first.host} {theirs}",
                where="processes",
                remedy=remedy,
            )


@contextmanager
def _group(place: Place, store: Store, hellos: Sequence[Hello]) -> Iterator[None]:
    """Make the group of all processes: NCCL between GPUs, Gloo between processors."""
    gpus = all(hello.gpus for hello in hellos)
    if gpus and place.local_rank < torch.cuda.device_count():
        torch.cuda.set_device(place.local_rank)
    try:
        dist.init_process_group(
            "cpu:gloo,cuda:nccl" if gpus else "gloo",
            store=dist.PrefixStore("group", store),  # type: ignore[attr-defined,arg-type]
            rank=place.rank,
            world_size=place.count,
            timeout=COLLECTIVE_LIMIT,
        )
    except RuntimeError as error:
        raise LostProcessError(
            f"cannot connect to the other processes ({reason(error)})",
            where="processes",
            remedy="Set GLOO_SOCKET_IFNAME to the network interface that joins the hosts.",
        ) from error
    try:
        yield
    finally:
        with suppress(RuntimeError):
            dist.destroy_process_group()


def _leave(place: Place, store: Store) -> None:
    """Wait, as the first, until all have done what they had to do: it may keep the store."""
    store.add("left", 1)
    ends = time.monotonic() + DEAD_AFTER
    while place.rank == 0 and store.add("left", 0) < place.count and time.monotonic() < ends:
        time.sleep(0.02)


@contextmanager
def _terminated_as_interrupted() -> Iterator[None]:
    """Take SIGTERM as Ctrl-C: with it torchrun ends its processes, whoever pressed what."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


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
        self._store = _part(connect(replace(place, hosts_store=False)), attempt)
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
