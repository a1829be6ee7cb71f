"""The average of weights that training goes through, against one kept by hand."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from askattend.models import SAN, SANConfig
from askattend.training.config import TrainConfig
from askattend.training.step import make_optimizer
from askattend.training.weight_averaging import averaged_weights, keep_average, keeps_average

ADAM, SGD = TrainConfig(), TrainConfig(optimizer="sgd")


def network() -> SAN:
    torch.manual_seed(0)
    config = SANConfig(embedding_dim=4, question_dim=6, attention_dim=5)
    return SAN(config, words=9, answers=3, region_dim=7)


def steps(model: nn.Module, optimizer: torch.optim.Optimizer, count: int) -> list[list[Tensor]]:
    """Make steps along random gradients; return the weights after each."""
    seen = []
    for _ in range(count):
        for parameter in model.parameters():
            parameter.grad = torch.randn_like(parameter)
        optimizer.step()
        seen.append([p.detach().clone() for p in model.parameters()])
    return seen


def by_hand(seen: list[list[Tensor]], horizon: float) -> list[Tensor]:
    """Average them: each of the first ones alike, then ever more of the last."""
    means = [p.double() for p in seen[0]]
    for count, weights in enumerate(seen, 1):
        share = 1 / min(count, horizon)
        means = [(1 - share) * m + share * w for m, w in zip(means, weights, strict=True)]
    return means


@pytest.mark.parametrize("config", [ADAM, SGD], ids=["adam", "sgd"])
@pytest.mark.parametrize(("horizon", "count"), [(10.0, 4), (4.0, 11), (1.5, 3)])
def test_it_is_a_mean_and_then_a_moving_one(
    horizon: float, count: int, config: TrainConfig
) -> None:
    model = network()
    optimizer = make_optimizer(model, config)
    keep_average(optimizer, horizon)
    seen = steps(model, optimizer, count)
    expected = by_hand(seen, horizon)
    with averaged_weights(model, optimizer):
        for parameter, mean in zip(model.parameters(), expected, strict=True):
            torch.testing.assert_close(parameter.double(), mean, rtol=1e-5, atol=1e-6)
    for parameter, last in zip(model.parameters(), seen[-1], strict=True):
        assert torch.equal(parameter, last)


def test_fewer_than_the_horizon_is_the_plain_mean() -> None:
    model = network()
    optimizer = make_optimizer(model, ADAM)
    keep_average(optimizer, 100.0)
    seen = steps(model, optimizer, 5)
    with averaged_weights(model, optimizer):
        for number, parameter in enumerate(model.parameters()):
            mean = torch.stack([weights[number] for weights in seen]).mean(0)
            torch.testing.assert_close(parameter, mean, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("config", [ADAM, SGD], ids=["adam", "sgd"])
def test_the_optimizer_moves_as_it_would_without(config: TrainConfig) -> None:
    model = network()
    plain = copy.deepcopy(model)
    optimizer, other = make_optimizer(model, config), make_optimizer(plain, config)
    keep_average(optimizer, 3.0)
    torch.manual_seed(1)
    steps(model, optimizer, 4)
    torch.manual_seed(1)
    steps(plain, other, 4)
    for one, two in zip(model.parameters(), plain.parameters(), strict=True):
        assert torch.equal(one, two)


@pytest.mark.parametrize("horizon", [0.0, 1.0])
def test_nothing_is_kept_of_one_step(horizon: float) -> None:
    model = network()
    optimizer = make_optimizer(model, ADAM)
    keep_average(optimizer, horizon)
    assert not keeps_average(optimizer)
    (last,) = steps(model, optimizer, 1)
    with averaged_weights(model, optimizer):
        for parameter, weights in zip(model.parameters(), last, strict=True):
            assert torch.equal(parameter, weights)


def test_what_has_no_gradient_stays_what_it_is() -> None:
    model = network()
    frozen = model.encoder.embedding.weight
    optimizer = make_optimizer(model, ADAM)
    keep_average(optimizer, 5.0)
    before = frozen.detach().clone()
    for parameter in model.parameters():
        parameter.grad = None if parameter is frozen else torch.ones_like(parameter)
    optimizer.step()
    with averaged_weights(model, optimizer):
        assert torch.equal(frozen, before)
