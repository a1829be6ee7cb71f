"""Processes find each other, or say why not; an error is printed once a host."""

from __future__ import annotations

import itertools
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import torch.distributed as dist

from askattend.errors import ConfigError, RunError
from askattend.training import joining
from askattend.training.joining import Hello, joined
from askattend.training.processes import ALONE, FAILURE, LostProcessError, Peers, Store
from askattend.training.rendezvous import (
    Place,
    connect,
    part_of_attempt,
    restarted,
    this_attempt,
)
from askattend.training.watching import Board, Watch

TORCHRUN = {
    "RANK": "1",
    "WORLD_SIZE": "4",
    "LOCAL_RANK": "1",
    "MASTER_ADDR": "host",
    "MASTER_PORT": "29500",
}


@pytest.fixture
def place() -> Place:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    return Place(0, 2, 0, "127.0.0.1", port, hosts_store=True)


@pytest.fixture
def store(place: Place) -> Store:
    return connect(place)


def board(store: Store, address: str = "here", rank: int = 0) -> Board:
    return Board(store, address, f"process {rank}")


def test_one_process_needs_nobody() -> None:
    assert Place.of({}) is None
    assert Place.of({**TORCHRUN, "WORLD_SIZE": "1"}) is None
    with joined(["san"]) as processes:
        assert processes is ALONE


def test_the_place_is_what_torchrun_says() -> None:
    assert Place.of(TORCHRUN) == Place(1, 4, 1, "host", 29500, hosts_store=False)
    first = Place.of({**TORCHRUN, "RANK": "0"})
    assert first is not None
    assert first.hosts_store
    agent = Place.of({**TORCHRUN, "RANK": "0", "TORCHELASTIC_USE_AGENT_STORE": "True"})
    assert agent is not None
    assert not agent.hosts_store


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"RANK": ""}, "RANK="),
        ({"MASTER_ADDR": ""}, "MASTER_ADDR="),
        ({"MASTER_PORT": "x"}, "MASTER_PORT=x"),
        ({"RANK": "4"}, "RANK=4, WORLD_SIZE=4"),
        ({"WORLD_SIZE": "many"}, "WORLD_SIZE=many"),
        ({"WORLD_SIZE": "²"}, "WORLD_SIZE=²"),
        ({"MASTER_PORT": "65536"}, "MASTER_PORT=65536"),
        ({"MASTER_ADDR": "a" * 64}, "MASTER_ADDR=aaa"),
    ],
)
def test_variables_that_make_no_sense_are_named(change: dict[str, str], told: str) -> None:
    with pytest.raises(RunError, match=told):
        Place.of({**TORCHRUN, **change})


@pytest.mark.parametrize(("count", "again"), [("0", False), ("", False), ("2", True)])
def test_a_restart_is_known(count: str, again: bool) -> None:
    assert restarted({"TORCHELASTIC_RESTART_COUNT": count}) is again
    assert not restarted({})


def test_an_address_that_does_not_answer_is_named(place: Place) -> None:
    with pytest.raises(RunError, match=rf"127.0.0.1:{place.port}: does not answer \(.+refused"):
        connect(replace(place, hosts_store=False), within=0.2)


def test_processes_that_differ_are_refused_by_both_values(
    place: Place, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def greet(rank: int, command: str) -> list[Hello]:
        own = replace(place, rank=rank, hosts_store=False)
        return joining._greet(own, connect(own), [command])

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.submit(greet, 0, "san"), pool.submit(greet, 1, "saaa")
        assert [hello.command for hello in first.result()] == [("san",), ("saaa",)]
        with pytest.raises(RunError, match=r"commands differ: process 1 .* saaa, .* 0 .* san"):
            second.result()
    monkeypatch.setattr("askattend.training.joining.version", lambda: "0.0.1")
    with pytest.raises(RunError, match=r"programs differ: .* askattend 0\.0\.1, .* process 0"):
        joining._greet(replace(place, rank=1), store, ["san"])


def test_a_process_that_does_not_come_is_named(
    place: Place, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("askattend.training.joining.ALL_WITHIN", 0.1)
    with pytest.raises(RunError, match="process 1 of 2 has not come"):
        joining._greet(place, store, ["san"])


def test_each_attempt_has_an_empty_part_of_the_store(place: Place, store: Store) -> None:
    """The second host counts restarts otherwise than the first."""
    second = replace(place, rank=1)
    assert this_attempt(place, store)[0] == 0
    number, part = this_attempt(second, store)
    assert number == 0
    part.set(FAILURE, "process 1: ended")
    assert this_attempt(second, store)[0] == 1
    number, part = this_attempt(place, store)
    assert number == 1
    assert not part.check([FAILURE])


def test_an_error_is_printed_by_one_process_of_a_host(store: Store) -> None:
    """The message of the one that failed is also the other host's."""

    with pytest.raises(ConfigError, match="no such thing"), board(store).told(first=True):
        raise ConfigError("no such thing")
    with pytest.raises(SystemExit, match="2"), board(store, rank=1).told(first=False):
        raise ConfigError("no such thing")
    elsewhere = board(store, address="there", rank=2)
    with pytest.raises(RunError, match="process 0: no such thing"), elsewhere.told(first=False):
        raise LostProcessError("connection closed")


def test_only_the_first_says_that_it_was_interrupted(store: Store) -> None:
    with pytest.raises(KeyboardInterrupt), board(store).told(first=True):
        raise KeyboardInterrupt
    with pytest.raises(SystemExit, match="130"), board(store, rank=1).told(first=False):
        raise KeyboardInterrupt


def test_who_is_ended_because_another_failed_was_not_interrupted(store: Store) -> None:
    store.set(FAILURE, "process 1: ended")
    with pytest.raises(SystemExit, match="2"), board(store).told(first=True):
        raise KeyboardInterrupt


@pytest.fixture
def ended(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Set where a watch ends its process."""
    event = threading.Event()

    def end(status: int) -> None:
        assert status == 2
        event.set()

    monkeypatch.setattr("askattend.training.watching.os._exit", end)
    for name, value in (("BEAT_EVERY", 0.02), ("DEAD_AFTER", 1.0), ("GRACE", 0.1)):
        monkeypatch.setattr(f"askattend.training.watching.{name}", value)
    return event


def watch(place: Place, store: Store) -> Watch:
    part = part_of_attempt(store, 0)
    return Watch(place, 0, board(part, rank=place.rank), ["here", "there (10.0.0.2)"])


def test_a_process_without_a_sign_of_life_is_named(
    place: Place, store: Store, ended: threading.Event, capsys: pytest.CaptureFixture[str]
) -> None:
    with watch(place, store).running():
        assert ended.wait(20)
    assert "process 1 on there (10.0.0.2) has given no sign of life" in capsys.readouterr().err


def test_processes_that_live_are_left_alone(
    place: Place, store: Store, ended: threading.Event
) -> None:
    with watch(place, store).running(), watch(replace(place, rank=1), store).running():
        assert not ended.wait(2)


def test_a_failure_elsewhere_ends_who_waits_for_ever(
    place: Place, store: Store, ended: threading.Event, capsys: pytest.CaptureFixture[str]
) -> None:
    with watch(place, store).running():
        part_of_attempt(store, 0).set(FAILURE, "process 1: no such thing")
        assert ended.wait(20)
    assert "process 1: no such thing" in capsys.readouterr().err


def peers(place: Place) -> list[Peers]:
    return [
        Peers(
            rank=rank,
            count=2,
            local_rank=rank,
            hosts=["here", "there"],
            store=connect(replace(place, hosts_store=False)),
            numbers=itertools.count(),
        )
        for rank in range(2)
    ]


def test_work_in_turns_is_done_by_one_after_another(place: Place, store: Store) -> None:
    done: list[str] = []

    def work(rank: int) -> None:
        done.append(f"{rank} begins")
        time.sleep(0.1)
        done.append(f"{rank} ends")

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda p: p.in_turns(lambda: work(p.rank)), peers(place)))
    assert done == ["0 begins", "0 ends", "1 begins", "1 ends"]


def test_who_waits_learns_that_another_failed(place: Place, store: Store) -> None:
    store.set(FAILURE, "process 0: ended")
    with pytest.raises(LostProcessError, match="another process has failed"):
        peers(place)[1].in_turns(lambda: None)


def test_differences_are_named_with_both_values(monkeypatch: pytest.MonkeyPatch) -> None:
    values: list[object] = ["own", "other"]

    def gather(into: list[object], value: object) -> None:
        into[:] = values

    monkeypatch.setattr(dist, "all_gather_object", gather)
    one = Peers(
        rank=0,
        count=2,
        local_rank=0,
        hosts=["here", "there"],
        store=dist.HashStore(),  # type: ignore[attr-defined]
        numbers=itertools.count(),
    )
    with pytest.raises(RunError, match="questions: process 1 on there has other, and process 0"):
        one.require_same("questions", "own")
    values[:] = True, False
    with pytest.raises(RunError, match="process 1 on there has no GPU"):
        one.require_each(True, "has no GPU", "Buy one.")
