"""Backbones of folders, and what their models yield by themselves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from askattend.features.backbones import load_backbone
from askattend.features.spec import Backbone

# Small models of the transformers library.
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


def load(folder: Path, *, image_size: int = 64) -> Backbone:
    return load_backbone(f"hf:{folder}", image_size=image_size, dtype="float32")


def raw(folder: Path, pixels: Tensor, **arguments: Any) -> Tensor:
    """A model's own last hidden state, of pixels normalised with ImageNet's mean."""
    transformers = pytest.importorskip("transformers")
    mean = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)
    std = torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)
    model = transformers.AutoModel.from_pretrained(folder).eval()
    with torch.inference_mode():
        hidden: Tensor = model(
            pixel_values=(pixels / 255 - mean) / std, **arguments
        ).last_hidden_state
    return hidden
