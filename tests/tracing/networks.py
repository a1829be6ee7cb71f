"""Small networks of each kind, and sizes of random data that fit them."""

from __future__ import annotations

import torch

from askattend.models import Model, SAAAConfig, SANConfig, build_model
from askattend.tracing.random_data import RandomData
from askattend.tracing.trace import TracedStep

SMALL = RandomData(batch_size=3, tokens=20, max_length=5, answers=7, region_dim=6, grid=2)


NETWORKS: dict[str, SAAAConfig | SANConfig] = {
    "saaa": SAAAConfig(embedding_dim=4, question_dim=8, attention_dim=5, glimpses=3, hidden_dim=9),
    "san": SANConfig(embedding_dim=4, question_dim=8, attention_dim=5, hops=3),
    "san-cnn": SANConfig(
        encoder="cnn", embedding_dim=4, attention_dim=5, unigram_filters=2, bigram_filters=3,
        trigram_filters=4,
    ),
    "san-published": SANConfig(
        variant="published-code", embedding_dim=4, question_dim=8, attention_dim=5
    ),
}  # fmt: skip


def network(name: str) -> tuple[Model, tuple[torch.Tensor, ...]]:
    torch.manual_seed(0)
    model = build_model(NETWORKS[name], words=20, answers=7, region_dim=6).eval()
    tokens, lengths = torch.tensor([[2, 3, 4], [5, 0, 0]]), torch.tensor([3, 1])
    return model, (torch.rand(2, 4, 6), tokens, lengths)


def by_name(steps: list[TracedStep]) -> dict[str, TracedStep]:
    return {step.name: step for step in steps}
