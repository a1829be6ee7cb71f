"""Gradients that vanish, explode or do not arrive."""

from __future__ import annotations

import pytest
from torch import Tensor, nn

from checking.mistakes import GRADIENTS, assert_found
from checking.modules import (
    Mine,
    check,
    note,
)


@pytest.mark.parametrize("mistake", GRADIENTS)
def test_mistakes_are_found(mistake: str) -> None:
    assert_found(GRADIENTS[mistake])


def test_weights_that_begin_at_zero_hide_nothing() -> None:
    module = Mine()
    nn.init.zeros_(module.last.weight)
    assert check(module).ok


def test_no_parameters_at_all() -> None:
    class Dot(nn.Module):
        def forward(self, regions: Tensor, question: Tensor) -> Tensor:
            return question[:, None] @ regions.mT

    for network in ("saaa", "san"):
        report = check(Dot(), network=network)
        assert report.ok
        assert "no parameters" in note(report, "gradients")
