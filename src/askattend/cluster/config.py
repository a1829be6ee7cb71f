"""Settings of bulk work on a cluster."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from askattend.errors import ConfigError
from askattend.settings import Positive, check

EngineName = Literal["local", "ray"]


@dataclass(frozen=True)
class ClusterConfig:
    """Settings of who does the work."""

    engine: EngineName = "local"
    """local, this process; or ray, processes of a cluster (which needs Ray)."""
    address: str | None = None
    """Address of a running Ray cluster (HOST:PORT, or auto for the one that this machine is part
    of); by default that of RAY_ADDRESS, or one of this machine alone is started."""
    actors: Positive | None = None
    """Processes of the cluster that compute; by default as many as its processors have room for."""
    wait: Positive = 60
    """Seconds to wait for the first process of a cluster to begin, before giving up."""

    def __post_init__(self) -> None:
        check(self)
        for name in ("address", "actors"):
            if self.engine == "local" and getattr(self, name) is not None:
                remedy = "Add --engine ray, or leave it out."
                raise ConfigError("is of a cluster", where=f"--{name}", remedy=remedy)
