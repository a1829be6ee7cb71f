"""The attention networks, one a file, each written to be read beside its paper."""

from __future__ import annotations

from collections.abc import Callable

from askattend.models.baselines import (
    ImageOnly,
    ImageOnlyConfig,
    QuestionOnly,
    QuestionOnlyConfig,
)
from askattend.models.output import Output
from askattend.models.saaa import SAAA, SAAAConfig
from askattend.models.san import SAN, SANConfig

Model = SAAA | SAN | QuestionOnly | ImageOnly
ModelConfig = SAAAConfig | SANConfig | QuestionOnlyConfig | ImageOnlyConfig

# The word on the command line and in a run's config → (what it is configured by, the network).
MODELS: dict[str, tuple[type[ModelConfig], Callable[..., Model]]] = {
    "saaa": (SAAAConfig, SAAA),
    "san": (SANConfig, SAN),
    "question-only": (QuestionOnlyConfig, QuestionOnly),
    "image-only": (ImageOnlyConfig, ImageOnly),
}


def model_name(config: ModelConfig) -> str:
    """The word that names the network of `config`: ``"saaa"``, ``"san"``, …."""
    return next(name for name, (kind, _) in MODELS.items() if isinstance(config, kind))


def build_model(config: ModelConfig, *, words: int, answers: int, region_dim: int) -> Model:
    """The network that `config` describes, freshly initialised.

    Args:
        config: widths and dropout.
        words: the size of the word vocabulary, padding and unknown words included.
        answers: the size of the answer vocabulary (M in the papers).
        region_dim: the width of a region's feature (2048 in SAAA, 512 in SAN).
    """
    _, network = MODELS[model_name(config)]
    return network(config, words=words, answers=answers, region_dim=region_dim)


__all__ = [
    "MODELS",
    "SAAA",
    "SAN",
    "ImageOnly",
    "ImageOnlyConfig",
    "Model",
    "ModelConfig",
    "Output",
    "QuestionOnly",
    "QuestionOnlyConfig",
    "SAAAConfig",
    "SANConfig",
    "build_model",
    "model_name",
]
