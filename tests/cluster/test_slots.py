"""Room for processes on the hosts of a cluster."""

from __future__ import annotations

from typing import Any

import pytest

from askattend.cluster.slots import Need, slots_of
from askattend.errors import ConfigError


def node(name: str, alive: bool = True, **resources: float) -> dict[str, Any]:
    return {
        "NodeID": name,
        "NodeManagerAddress": f"10.0.0.{name}",
        "Alive": alive,
        "Resources": resources,
    }


def hosts(nodes: list[dict[str, Any]], need: Need) -> list[tuple[str, int, int]]:
    return [(slot.node, slot.processors, slot.gpus) for slot in slots_of(nodes, need)]


def test_hosts_in_turns_each_with_as_many_as_it_has_room_for() -> None:
    nodes = [node("1", CPU=4.0), node("2", CPU=8.0), node("3", CPU=64.0, alive=False)]
    assert hosts(nodes, Need(threads=4)) == [("1", 4, 0), ("2", 4, 0), ("2", 4, 0)]
    assert hosts([*nodes, node("4")], Need(threads=3)) == [("1", 3, 0), ("2", 3, 0), ("2", 3, 0)]


def test_a_small_host_takes_one_process_all_the_same() -> None:
    assert hosts([node("1", CPU=2.0)], Need(threads=16)) == [("1", 2, 0)]


def test_a_process_has_a_gpu_of_its_own() -> None:
    nodes = [node("1", CPU=16.0, GPU=2.0), node("2", CPU=16.0)]
    assert hosts(nodes, Need(threads=4, gpu=True)) == [("1", 4, 1), ("1", 4, 1)]


@pytest.mark.parametrize(
    ("nodes", "need", "message"),
    [
        ([node("1", memory=1.0)], Need(1), "no host of the cluster has a processor"),
        ([node("1", CPU=1.0)], Need(1, gpu=True), "no host of the cluster has a GPU"),
    ],
)
def test_no_room(nodes: list[dict[str, Any]], need: Need, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        slots_of(nodes, need)
