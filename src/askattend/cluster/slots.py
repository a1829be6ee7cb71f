"""Places in a cluster where a process can compute."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest
from typing import Any

from askattend.errors import ConfigError


@dataclass(frozen=True)
class Need:
    """Needs of one computing process.

    Attributes:
        threads: that compute.
        gpu: True where it computes on a GPU of its own.
    """

    threads: int
    gpu: bool = False


@dataclass(frozen=True)
class Slot:
    """Room for one process on a host.

    Attributes:
        node: Ray's id of the host.
        host: its address.
        processors, gpus: that the process is given there.
    """

    node: str
    host: str
    processors: int
    gpus: int


def slots_of(nodes: Sequence[Mapping[str, Any]], need: Need) -> list[Slot]:
    """Find room for processes, one host after the other in turns.

    A host that has fewer processors than the threads of one process takes one all the same: the
    number of threads is the plan's, and bits depend on it.

    Args:
        nodes: as ``ray.nodes()`` lists them.
        need: of each process.

    Raises:
        ConfigError: there is no room at all.
    """
    by_host = [_slots_of(node, need) for node in nodes if node["Alive"]]
    found = [slot for slot in chain.from_iterable(zip_longest(*by_host)) if slot is not None]
    if not found:
        what = "a GPU" if need.gpu else "a processor"
        raise ConfigError(
            f"no host of the cluster has {what} to compute with",
            where=f"cluster of {len(nodes)} hosts",
            remedy="Add hosts (ray start --address HOST:PORT), with --num-cpus and --num-gpus.",
        )
    return found


def _slots_of(node: Mapping[str, Any], need: Need) -> list[Slot]:
    resources = node["Resources"]
    processors, gpus = int(resources.get("CPU", 0)), int(resources.get("GPU", 0))
    each = min(need.threads, processors)
    if not processors or (need.gpu and not gpus):
        return []
    room = processors // each
    room = min(room, gpus) if need.gpu else room
    slot = Slot(node["NodeID"], node["NodeManagerAddress"], each, int(need.gpu))
    return [slot] * room
