"""Trials that draw by lot draw the same by the same seed."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from askattend.attribution.maps import Maps, maps_of
from askattend.attribution.randomising import untrained as before_training
from askattend.attribution.without_regions import WithoutRegions
from askattend.batching.batches import Batch
from askattend.explaining.trials import curves, lost_layers
from askattend.metrics.removal import removal_counts
from askattend.runs.run_folder import Run
from small_networks import DIM, small_network


@pytest.fixture
def batch() -> Batch:
    regions = torch.rand(1, 20, DIM, generator=torch.Generator().manual_seed(0))
    return Batch.of(regions, torch.tensor([[2, 3, 4]]), torch.tensor([3]), torch.tensor([0]))


@pytest.fixture
def made(batch: Batch) -> tuple[WithoutRegions, Maps]:
    return maps_of(small_network("saaa").eval(), batch)


def test_untrained_networks_follow_from_the_seed_alone(untrained: Run) -> None:
    before = torch.random.get_rng_state()
    first, same, other = (before_training(untrained, seed).state_dict() for seed in (3, 3, 4))
    assert torch.equal(torch.random.get_rng_state(), before)
    assert all(torch.equal(value, same[name]) for name, value in first.items())
    assert not torch.equal(first["classifier.1.weight"], other["classifier.1.weight"])


def test_random_orders_follow_from_the_seed_alone(made: tuple[WithoutRegions, Maps]) -> None:
    asked, maps = made
    removed = removal_counts(20)
    first, same, other = (curves(asked, maps, removed, seed) for seed in (0, 0, 1))
    assert first == same
    assert [one.order for one in first] == [*maps, "random"]
    assert first[-1] != other[-1]
    assert first[0] == other[0]
    shares = np.array(removed) / 20
    steps = np.array(first[0].deletion)
    area = sum((steps[i] + steps[i + 1]) / 2 * (shares[i + 1] - shares[i]) for i in range(10))
    assert first[0].deletion_area == pytest.approx(area)


def test_a_network_that_lost_nothing_has_the_same_maps(
    made: tuple[WithoutRegions, Maps], batch: Batch
) -> None:
    asked, maps = made
    for lost in lost_layers(asked, batch, maps, [small_network("saaa")], channels=DIM):
        assert all(rank == pytest.approx(1) for rank in lost.rank_correlation.values())


def test_several_draws_are_averaged(made: tuple[WithoutRegions, Maps], batch: Batch) -> None:
    """A map that is the same everywhere in one draw counts in the others alone."""
    asked, maps = made
    draws = [small_network("saaa") for _ in range(3)]
    with torch.no_grad():
        for number, draw in enumerate(draws):
            generator = torch.Generator().manual_seed(number)
            for parameter in draw.parameters():
                parameter.copy_(torch.randn(parameter.shape, generator=generator) * (number < 2))
    found = lost_layers(asked, batch, maps, draws, channels=DIM)
    alone = [lost_layers(asked, batch, maps, [draw], channels=DIM) for draw in draws]
    assert found[-1].rank_correlation != alone[0][-1].rank_correlation
    for lost, *each in zip(found, *alone, strict=True):
        for method, rank in lost.rank_correlation.items():
            ranks = [one.rank_correlation[method] for one in each]
            known = [one for one in ranks if one is not None]
            assert rank == pytest.approx(np.mean(known))
    assert alone[2][-1].rank_correlation["occlusion"] is None
