"""A step in parts is the step: its loss and its weights."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from askattend.batching.batches import Batch
from askattend.batching.division import Division
from askattend.models import Network
from askattend.training.config import TrainConfig
from askattend.training.cuda_graphs import make_step
from askattend.training.divided_step import DividedStep
from askattend.training.processes import ALONE, Processes
from askattend.training.step import draw_regions, make_optimizer, train_step
from small_networks import CONFIGS, small_batch, small_network
from training.thread_processes import together

CONFIG = TrainConfig(precision="float32")
SETTINGS: dict[str, dict[str, Any]] = {
    "adam": {},
    "penalty": {"l2_penalty": 1e-2, "optimizer": "sgd", "clip_norm_per_parameter": 0.05},
    "smooth": {"label_smoothing": 0.1, "weight_decay": 0.1, "clip_norm": 0.5},
}
# What a step learns: its losses, and the weights after it.
Learnt = tuple[list[float], dict[str, Tensor]]


def batch() -> Batch:
    regions, tokens, lengths, image_index = small_batch()
    labels = torch.tensor([0, 3, 1, 2, 0])
    return Batch.of(regions, tokens, lengths, labels, image_index=image_index)


def parts_of(whole: Batch, division: Division) -> list[Batch]:
    """Divide a batch as those of a set are divided."""
    parts = []
    for rows, part in division.parts_of(whole.image_index.numpy(), seed=(0, 0)):
        chosen = torch.from_numpy(rows)
        tensors: dict[str, Any] = {
            name: tensor if name == "regions" else tensor[chosen]
            for name, tensor in whole.tensors().items()
        }
        parts.append(Batch(**tensors, part=part))
    return parts


def learn_whole(name: str, config: TrainConfig) -> Learnt:
    model = small_network(name).double().train()
    optimizer = make_optimizer(model, config)
    losses = [train_step(model, optimizer, batch(), config, rate=0.05) for _ in range(3)]
    return [loss.item() for loss in losses], model.state_dict()


def learn_divided(network: Network, config: TrainConfig, processes: Processes) -> Learnt:
    model = deepcopy(network).double().train()
    step = make_step(model, make_optimizer(model, config), config, processes)
    division = Division(processes.rank, processes.count, config.accumulate)
    losses = []
    for _ in range(3):
        made = [step(part, rate=0.05) for part in parts_of(batch(), division)]
        assert all(loss is None for loss in made[:-1])
        assert made[-1] is not None
        losses.append(made[-1].item())
    return losses, model.state_dict()


def assert_same(ours: Learnt, theirs: Learnt) -> None:
    assert ours[0] == pytest.approx(theirs[0], rel=1e-6)
    for name, weight in theirs[1].items():
        torch.testing.assert_close(ours[1][name], weight, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("name", CONFIGS)
def test_accumulated_parts_are_one_step(name: str, settings: str) -> None:
    config = replace(CONFIG, **SETTINGS[settings])
    divided = learn_divided(small_network(name), replace(config, accumulate=3), ALONE)
    assert_same(divided, learn_whole(name, config))


@pytest.mark.parametrize("count", [2, 7])
@pytest.mark.parametrize("settings", SETTINGS)
def test_processes_make_the_step_of_one(settings: str, count: int) -> None:
    """Seven have five questions: two of them have none."""
    config = replace(CONFIG, **SETTINGS[settings], accumulate=2)
    network = small_network("san")  # threads share the generator that weights are drawn by
    for divided in together(count, lambda processes: learn_divided(network, config, processes)):
        assert_same(divided, learn_whole("san", replace(config, accumulate=1)))


def test_all_have_the_same_weights_to_the_bit() -> None:
    network = small_network("saaa")
    first, second = together(2, lambda processes: learn_divided(network, CONFIG, processes))
    assert first[0] == second[0]
    assert all(torch.equal(first[1][name], weight) for name, weight in second[1].items())


def test_a_parameter_that_is_not_used_stays_as_it_is() -> None:
    model = small_network("san").double().train()
    model.register_parameter("unused", torch.nn.Parameter(torch.ones(2, dtype=torch.float64)))
    config = replace(CONFIG, weight_decay=0.1, accumulate=2)
    step = DividedStep(model, make_optimizer(model, config), config, ALONE)
    for part in parts_of(batch(), Division(parts=2)):
        step(part, rate=0.05)
    assert torch.equal(model.get_parameter("unused"), torch.ones(2, dtype=torch.float64))


class Drawing(Processes):
    """One of two processes that only draws."""

    count = 2

    def __init__(self, rank: int) -> None:
        self.rank = rank


def test_processes_leave_out_the_same_regions_and_drop_out_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kept: list[Tensor] = []
    drawn: list[Tensor] = []

    def draw(batch: Batch, config: TrainConfig) -> Tensor:
        kept.append(draw_regions(batch, config))
        return kept[-1]

    def compute(*arguments: Any) -> tuple[Tensor, Tensor]:
        drawn.append(torch.rand(4))
        zero = torch.zeros((), requires_grad=True)
        return zero * 1, zero * 1

    monkeypatch.setattr("askattend.training.divided_step.draw_regions", draw)
    monkeypatch.setattr("askattend.training.divided_step.compute_loss", compute)
    config = replace(CONFIG, region_dropout=0.5)
    for rank in (0, 1, 1):
        model = small_network("san")
        step = DividedStep(model, make_optimizer(model, config), config, Drawing(rank))
        for part in parts_of(batch(), Division(rank, 2)):
            step(part, rate=0.0)
    assert torch.equal(kept[0], kept[1])
    assert not torch.equal(drawn[0], drawn[1])
    assert torch.equal(drawn[1], drawn[2])  # whatever was drawn before the step
