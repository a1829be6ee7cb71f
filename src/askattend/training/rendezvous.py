"""The place of a process among those that torchrun has started, and the store that all share."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

import torch.distributed as dist

from askattend.errors import RunError
from askattend.training.processes import FAILURE, Store, reason

# Seconds within which the address answers.
ANSWERS_WITHIN = 20.0
VARIABLES = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")
_NUMBER = re.compile("[0-9]{1,9}")


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
        wrong = [name for name, text in numbers.items() if _NUMBER.fullmatch(text) is None]
        wrong += [] if _is_name(given["MASTER_ADDR"]) else ["MASTER_ADDR"]
        wrong += [] if wrong or int(given["MASTER_PORT"]) < 2**16 else ["MASTER_PORT"]
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


def _is_name(host: str) -> bool:
    """Return True for what can be looked up."""
    try:
        return bool(host.encode("idna"))
    except UnicodeError:  # its parts may have 63 letters at most
        return False


def restarted(environment: Mapping[str, str]) -> bool:
    """Return True where torchrun starts the processes anew, after one of them had failed."""
    return environment.get("TORCHELASTIC_RESTART_COUNT", "0") not in ("", "0")


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


def part_of_attempt(store: Store, attempt: int) -> Store:
    """Return the part of a store that is an attempt's, counted from 0."""
    part: Store = dist.PrefixStore(str(attempt), store)  # type: ignore[attr-defined,arg-type]
    return part


def this_attempt(place: Place, store: Store) -> tuple[int, Store]:
    """Return the number of this attempt, and the part of a store that is its own.

    torchrun's store outlives its restarts. The restarts that a host counts are not those of
    another, so a process looks for the first attempt that it has not come to before.
    """
    number = place.restarts
    while True:
        part = part_of_attempt(store, number)
        if part.add(f"came/{place.rank}", 1) == 1 and not part.check([FAILURE]):
            return number, part
        number += 1
