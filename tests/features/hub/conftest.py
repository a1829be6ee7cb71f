"""Small models as folders, as transformers saves them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

SMALL = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "image_size": 64,
    "patch_size": 16,
}
STAGES = {"hidden_sizes": [8, 16, 32, 64], "depths": [1, 1, 1, 1]}
TEXT = {**SMALL, "vocab_size": 100, "eos_token_id": 2, "bos_token_id": 1, "pad_token_id": 0}
CONFIGS: dict[str, tuple[str, dict[str, Any]]] = {
    "resnet": ("ResNetConfig", {"embedding_size": 8, "layer_type": "basic", **STAGES}),
    "convnext": ("ConvNextConfig", STAGES),
    "vit": ("ViTConfig", SMALL),
    "deit": ("DeiTConfig", SMALL),
    "dinov2": ("Dinov2Config", SMALL),
    "registers": ("Dinov2WithRegistersConfig", {**SMALL, "num_register_tokens": 3}),
    "siglip": ("SiglipVisionConfig", SMALL),
    "swin": (
        "SwinConfig",
        {
            "image_size": 64,
            "embed_dim": 16,
            "depths": [1, 1, 1, 1],
            "num_heads": [1, 2, 2, 2],
            "window_size": 2,
        },
    ),
    "bert": ("BertConfig", {**TEXT, "max_position_embeddings": 16}),
    "mae": ("ViTMAEConfig", SMALL),
    "yolos": ("YolosConfig", {**SMALL, "image_size": [64, 64], "num_detection_tokens": 5}),
    "clip": ("CLIPConfig", {"text_config": TEXT, "vision_config": SMALL}),
}


@pytest.fixture(scope="session")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A small, randomly initialised model as a folder."""
    transformers = pytest.importorskip("transformers")
    transformers.utils.logging.disable_progress_bar()
    made: dict[str, Path] = {}

    def save(kind: str) -> Path:
        if kind not in made:
            torch.manual_seed(0)
            name, settings = CONFIGS[kind]
            folder = tmp_path_factory.mktemp(kind)
            model = transformers.AutoModel.from_config(getattr(transformers, name)(**settings))
            model.save_pretrained(folder)
            made[kind] = folder
        return made[kind]

    return save
