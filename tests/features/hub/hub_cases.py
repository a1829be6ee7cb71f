"""Backbones of folders, and what their models yield by themselves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from askattend.features.backbones import load_backbone
from askattend.features.spec import Backbone


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
