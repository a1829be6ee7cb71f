"""Dropout from random bits: probabilities, scale, seeds."""

from __future__ import annotations

import pytest
import torch
from torch._subclasses import FakeTensorMode

from askattend.models.kernels.dropout import Dropout, keep_mask


@pytest.mark.parametrize("p", [0.5, 0.3])
def test_dropout_keeps_each_element_with_its_probability(p: float) -> None:
    torch.manual_seed(0)
    found = torch.stack([keep_mask((31, 7), p, torch.device("cpu")) for _ in range(4000)]).double()
    # Five standard errors of a share in 4,000 draws, at 217 elements.
    allowed = 5 * (p * (1 - p) / 4000) ** 0.5
    assert (found.mean(dim=0) - (1 - p)).abs().max() < allowed
    flat = found.flatten(1) - (1 - p)
    correlations = (flat.t() @ flat) / 4000 / (p * (1 - p))
    off_diagonal = correlations - torch.eye(217)
    assert off_diagonal.abs().max() < 6 / 4000**0.5 + 0.02  # no element tells of another


@pytest.mark.parametrize(("p", "kept"), [(1.0, 0.0), (1e-6, 1.0), (0.999999, 0.0)])
def test_dropout_near_nothing_and_near_all(p: float, kept: float) -> None:
    flips = keep_mask((1001,), p, torch.device("cpu"))
    assert flips.dtype == torch.bool
    assert flips.double().mean() == pytest.approx(kept, abs=0.003)


def test_dropout_scales_what_it_keeps_and_follows_the_seed() -> None:
    x = torch.rand(50, 3) + 1
    drop = Dropout(0.5)
    torch.manual_seed(3)
    dropped = drop(x)
    assert set((dropped / x).flatten().tolist()) == {0.0, 2.0}
    torch.manual_seed(3)
    assert torch.equal(drop(x), dropped)
    assert torch.equal(drop.eval()(x), x)
    assert torch.equal(Dropout(0.0)(x), x)
    assert not Dropout(1.0)(x).any()


def test_dropout_draws_bits_after_fake_tensors() -> None:
    drop = Dropout(0.5).train()
    with FakeTensorMode():
        drop(torch.randn(3, 4))
    assert drop(torch.ones(64)).unique().tolist() == [0.0, 2.0]
