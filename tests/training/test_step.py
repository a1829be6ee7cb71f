"""One step: its learning rate, and what it clips."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from askattend.batching.batches import Batch
from askattend.data.vocab import PADDING, UNK
from askattend.errors import ConfigError
from askattend.models.loss import answer_loss
from askattend.settings import from_mapping
from askattend.training.config import TrainConfig
from askattend.training.step import (
    compute_loss,
    drop_words,
    learning_rate,
    make_optimizer,
    train_step,
)
from small_networks import small_batch, small_network


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
    model = small_network("saaa", dropout=0.5)
    regions, tokens, lengths, image_index = small_batch(torch.float32)
    batch = Batch.of(regions, tokens, lengths, torch.arange(5), image_index=image_index)
    config = from_mapping(TrainConfig, {setting: 1e-3}, where="here")
    train_step(model, make_optimizer(model, config), batch, config, rate=0.0)
    norms = torch.stack([p.grad.norm() for p in model.parameters() if p.grad is not None])
    norm = norms.norm() if setting == "clip_norm" else norms.max()
    assert norm.item() == pytest.approx(1e-3, rel=1e-3)


def test_word_dropout_replaces_words_but_never_padding() -> None:
    torch.manual_seed(0)
    tokens = torch.randint(2, 50, (400, 6)) * (torch.arange(6) < torch.randint(1, 7, (400, 1)))
    words = tokens != PADDING
    assert drop_words(tokens, 0.0) is tokens
    dropped = drop_words(tokens, 0.3)
    replaced = dropped != tokens
    assert (dropped[replaced] == UNK).all()
    assert (dropped[~words] == PADDING).all()
    # Of some 1,400 words three tenths: six standard deviations are 0.075.
    assert replaced.sum() / words.sum() == pytest.approx(0.3, abs=0.075)


@pytest.mark.parametrize("training", [True, False])
def test_word_dropout_is_for_training_alone(training: bool) -> None:
    model = small_network("san").train(training)
    regions, tokens, lengths, image_index = small_batch(torch.float32)
    batch = Batch.of(regions, tokens, lengths, torch.arange(5), image_index=image_index)
    losses = [compute_loss(model, batch, TrainConfig(word_dropout=p))[0] for p in (0.0, 0.99)]
    assert (losses[0] != losses[1]) == training


def test_embeddings_can_be_frozen() -> None:
    model = small_network("saaa")
    regions, tokens, lengths, image_index = small_batch(torch.float32)
    batch = Batch.of(regions, tokens, lengths, torch.arange(5), image_index=image_index)
    config = TrainConfig(embedding_lr_scale=0.0)
    (before,) = (table.detach().clone() for table in model.word_embeddings())
    others = model.get_parameter("classifier.4.weight").detach().clone()
    train_step(model, make_optimizer(model, config), batch, config, rate=0.1)
    assert torch.equal(model.word_embeddings()[0], before)
    assert not torch.equal(model.get_parameter("classifier.4.weight"), others)


@pytest.mark.parametrize(("share", "kept"), [(0.0, 4), (0.2, 3), (0.5, 2), (0.99, 1)])
def test_a_share_of_the_regions_is_left_out(share: float, kept: int) -> None:
    model, seen = small_network("saaa"), []
    regions, tokens, lengths, image_index = small_batch(torch.float32)
    batch = Batch.of(regions, tokens, lengths, torch.arange(5), image_index=image_index)
    model.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    compute_loss(model, batch, TrainConfig(region_dropout=share))
    assert seen[0].shape[1] == kept
    # Each is a region of its image, and the same for all images.
    same = (seen[0][:, :, None] == regions[:, None]).all(dim=-1)
    assert (same.all(dim=0).sum(dim=1) == 1).all()


def test_decay_is_not_sent_through_momentum() -> None:
    with pytest.raises(ConfigError, match="weight_decay is for adam"):
        TrainConfig(optimizer="sgd", weight_decay=0.1)


def test_decay_shortens_weights_by_the_rate_and_nothing_else() -> None:
    model: Any = small_network("saaa")
    config = TrainConfig(weight_decay=0.1, learning_rate=0.1)
    optimizer = make_optimizer(model, config)
    before = model.classifier[1].weight.detach().clone()
    words = model.word_embeddings()[0].detach().clone()
    for _ in range(20):
        optimizer.zero_grad()
        for parameter in model.parameters():
            parameter.grad = torch.zeros_like(parameter)
        optimizer.step()
    torch.testing.assert_close(model.classifier[1].weight, before * (1 - 0.1 * 0.1) ** 20)
    torch.testing.assert_close(model.word_embeddings()[0], words)


def test_smoothing_is_a_mean_over_all_answers() -> None:
    logits = torch.randn(5, 4)
    index, weight = torch.tensor([[0], [1], [2], [3], [0]]), torch.full((5, 1), 1.0)
    target = 0.8 * torch.nn.functional.one_hot(index[:, 0], 4) + 0.2 / 4
    expected = torch.nn.functional.cross_entropy(logits, target)
    torch.testing.assert_close(answer_loss(logits, index, weight, 0.2), expected)
