"""Each network, small enough to be computed by hand, and a batch for it."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from askattend.models import (
    ImageOnlyConfig,
    Network,
    NetworkConfig,
    QuestionOnlyConfig,
    SAAAConfig,
    SANConfig,
    build_model,
)

WORDS, ANSWERS, DIM, REGIONS = 11, 5, 6, 4
_SMALL: dict[str, Any] = {"embedding_dim": 3, "question_dim": 4}
CONFIGS: dict[str, NetworkConfig] = {
    "saaa": SAAAConfig(**_SMALL, attention_dim=5, hidden_dim=7, dropout=0.0),
    "san": SANConfig(**_SMALL, attention_dim=5, dropout=0.0),
    "san-cnn": SANConfig(embedding_dim=3, encoder="cnn", attention_dim=5, dropout=0.0),
    "san-published": SANConfig(**_SMALL, variant="published-code", attention_dim=5, dropout=0.0),
    "question-only": QuestionOnlyConfig(**_SMALL, hidden_dim=7, dropout=0.0),
    "image-only": ImageOnlyConfig(hidden_dim=7, dropout=0.0),
}


def small_network(name: str) -> Network:
    """Make the network of that name in `CONFIGS`; its weights are the same each time."""
    torch.manual_seed(0)
    return build_model(CONFIGS[name], words=WORDS, answers=ANSWERS, region_dim=DIM)


def small_batch(dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Three images and five questions, out of order: regions, tokens, lengths, image_index."""
    generator = torch.Generator().manual_seed(1)
    regions = torch.rand(3, REGIONS, DIM, generator=generator, dtype=dtype)
    tokens = torch.tensor([[2, 3, 4], [5, 0, 0], [2, 3, 0], [3, 9, 2], [7, 0, 0]])
    return regions, tokens, torch.tensor([3, 1, 2, 3, 1]), torch.tensor([2, 0, 2, 1, 0])
