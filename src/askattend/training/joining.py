"""How processes started by torchrun come together, and part."""

from __future__ import annotations

import itertools
import os
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta

import msgspec
import torch
import torch.distributed as dist

from askattend.environment.network import interface_of, local_address
from askattend.environment.provenance import commit, version
from askattend.errors import RunError
from askattend.training.processes import ALONE, LostProcessError, Peers, Processes, Store, reason
from askattend.training.rendezvous import Place, connect, this_attempt
from askattend.training.watching import DEAD_AFTER, Board, Watch

# Seconds within which all processes have come.
ALL_WITHIN = 25.0
# A collective's own limit, in case all are alive and one hangs.
COLLECTIVE_LIMIT = timedelta(minutes=30)


class Hello(msgspec.Struct, frozen=True):
    """Words of a process to the others when it comes.

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
    number, store = this_attempt(place, connect(place))
    board = Board(store, here, f"process {place.rank} on {socket.gethostname()}")
    with board.told(first=place.rank == 0):
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
