"""Small networks of each kind that attends, and sizes of random data that fit them."""

from __future__ import annotations

from typing import Any

import torch

from askattend.models import Network
from askattend.tracing.random_data import RandomData
from askattend.tracing.trace import TracedStep
from small_networks import ANSWERS, DIM, WORDS, build_small, small_batch, small_config

SMALL = RandomData(
    batch_size=3, tokens=WORDS, max_length=5, answers=ANSWERS, region_dim=DIM, grid=2
)
CHANGES: dict[str, dict[str, Any]] = {
    **{"saaa": {"glimpses": 3}, "san": {"hops": 3}},
    **{"san-cnn": {}, "san-published": {}, "san-published-cnn": {}},
}
NETWORKS: dict[str, Any] = {
    name: small_config(name, dropout=0.5, **changes) for name, changes in CHANGES.items()
}


def network(name: str) -> tuple[Network, tuple[torch.Tensor, ...]]:
    """A network, and a batch of two images with a question each."""
    regions, tokens, lengths, _ = small_batch(torch.float32)
    return build_small(NETWORKS[name]).eval(), (regions[:2], tokens[:2], lengths[:2])


def by_name(steps: list[TracedStep]) -> dict[str, TracedStep]:
    return {step.name: step for step in steps}
