"""One step: its learning rate, and what it clips."""

from __future__ import annotations

import pytest
import torch

from askattend.batching.batches import Batch
from askattend.models import SAAAConfig, build_model
from askattend.settings import from_mapping
from askattend.training.config import TrainConfig
from askattend.training.step import learning_rate, make_optimizer, train_step


def test_learning_rate_halves_and_anneals() -> None:
    halving = TrainConfig(learning_rate=1.0, lr_half_life=10)
    assert learning_rate(halving, 0, 100) == 1
    assert learning_rate(halving, 20, 100) == pytest.approx(0.25)
    cosine = TrainConfig(learning_rate=1.0, lr_half_life=0, final_lr_fraction=0.1)
    assert learning_rate(cosine, 0, 101) == 1
    assert learning_rate(cosine, 50, 101) == pytest.approx(0.55)
    assert learning_rate(cosine, 100, 101) == pytest.approx(0.1)


@pytest.mark.parametrize("setting", ["clip_norm", "clip_norm_per_parameter"])
def test_clipping_bounds_the_step(setting: str) -> None:
    # Under plain Adam the norm's scale cancels, so look at the gradients that are left behind.
    torch.manual_seed(0)
    widths = SAAAConfig(embedding_dim=8, question_dim=8, attention_dim=8, hidden_dim=16)
    model = build_model(widths, words=9, answers=5, region_dim=8)
    tokens, lengths = torch.randint(2, 9, (6, 4)), torch.full((6,), 4)
    batch = Batch.of(torch.rand(6, 4, 8), tokens, lengths, torch.arange(6) % 5)
    config = from_mapping(TrainConfig, {setting: 1e-3}, where="here")
    train_step(model, make_optimizer(model, config), batch, config, rate=0.0)
    norms = torch.stack([p.grad.norm() for p in model.parameters() if p.grad is not None])
    norm = norms.norm() if setting == "clip_norm" else norms.max()
    assert norm.item() == pytest.approx(1e-3, rel=1e-3)
