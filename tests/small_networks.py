"""Each network, small enough to be computed by hand, and a batch for it."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from askattend.data.vocab import AnswerVocab, WordVocab
from askattend.features.spec import FeatureSpec
from askattend.models import (
    ImageOnlyConfig,
    Network,
    NetworkConfig,
    QuestionOnlyConfig,
    SAAAConfig,
    SANConfig,
    build_model,
)
from askattend.runs.run_folder import Run

# All sizes of a network differ, so that no axis can be taken for another.
WORDS, ANSWERS, DIM, REGIONS = 14, 7, 6, 4
SPEC = FeatureSpec("made", "0" * 16, 64, (0.5,) * 3, (0.5,) * 3, 2, 2, DIM, "float32")
_LSTM: dict[str, Any] = {"embedding_dim": 3, "question_dim": 8, "dropout": 0.0}
_CNN: dict[str, Any] = {
    **{"encoder": "cnn", "embedding_dim": 3, "dropout": 0.0},
    **{"unigram_filters": 2, "bigram_filters": 3, "trigram_filters": 4},
}
CONFIGS: dict[str, NetworkConfig] = {
    "saaa": SAAAConfig(**_LSTM, attention_dim=5, hidden_dim=9),
    "san": SANConfig(**_LSTM, attention_dim=5),
    "san-cnn": SANConfig(**_CNN, attention_dim=5),
    "san-published": SANConfig(**_LSTM, variant="published-code", attention_dim=5),
    "san-published-cnn": SANConfig(**_CNN, variant="published-code", attention_dim=5),
    "question-only": QuestionOnlyConfig(**_LSTM, hidden_dim=9),
    "image-only": ImageOnlyConfig(hidden_dim=9, dropout=0.0),
}
ATTENDING = tuple(name for name in CONFIGS if "only" not in name)


def small_config(name: str, **changes: Any) -> NetworkConfig:
    """Return the settings of that name in `CONFIGS`, some of them changed."""
    return replace(CONFIGS[name], **changes)


def build_small(
    config: NetworkConfig, *, words: int = WORDS, answers: int = ANSWERS, region_dim: int = DIM
) -> Network:
    """Make a network for `small_batch`; its weights are the same each time."""
    torch.manual_seed(0)
    return build_model(config, words=words, answers=answers, region_dim=region_dim)


def small_network(name: str, **changes: Any) -> Network:
    """Make the network of that name in `CONFIGS`, some of its settings changed."""
    return build_small(small_config(name, **changes))


def small_batch(dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Three images and five questions, out of order: regions, tokens, lengths, image_index."""
    generator = torch.Generator().manual_seed(1)
    regions = torch.rand(3, REGIONS, DIM, generator=generator, dtype=dtype)
    tokens = torch.tensor([[2, 3, 4], [5, 0, 0], [2, 3, 0], [3, 9, 2], [7, 0, 0]])
    return regions, tokens, torch.tensor([3, 1, 2, 3, 1]), torch.tensor([2, 0, 2, 1, 0])


def untrained_run(folder: Path) -> Run:
    """Save a run of SAAA as it is before training, and no progress of one."""
    config = {"network": "saaa", "model": asdict(small_config("saaa", dropout=0.5))}
    words, answers = WordVocab.build(["what is it"]), AnswerVocab(("a", "b"))
    run = Run(folder, config, words, answers, None, SPEC)
    run.save()
    run.save_weights(run.new_model())
    return run
