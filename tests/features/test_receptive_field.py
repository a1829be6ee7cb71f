"""What a region sees: of networks that are known to see its square alone, or all."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from askattend.features.backbones import load_backbone
from askattend.features.receptive_field import receptive_field, share_around
from askattend.features.spec import Backbone

SIDE, GRID = 12, 3


class Patches(nn.Module):
    """Each region is a linear map of its own square of 4 × 4 pixels."""

    def __init__(self, *, mixed: bool = False, cut: bool = False) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(3, 5, 4, stride=4)
        self.mixed, self.cut = mixed, cut

    def forward(self, pixels: Tensor) -> Tensor:
        regions: Tensor = self.convolution(pixels).flatten(2).transpose(1, 2)
        if self.mixed:
            regions = regions + regions.mean(dim=1, keepdim=True)
        return regions.detach() if self.cut else regions


def backbone(network: nn.Module) -> Backbone:
    spec = replace(load_backbone().spec, image_size=SIDE, rows=GRID, columns=GRID, region_dim=5)
    return Backbone(spec=spec, network=network)


PIXELS = torch.randint(0, 256, (3, SIDE, SIDE), dtype=torch.uint8)


@pytest.mark.parametrize("region", range(GRID**2))
def test_a_patch_sees_its_own_square(region: int) -> None:
    field = receptive_field(backbone(Patches()), PIXELS, region)
    assert field is not None
    assert field.sum().item() == pytest.approx(1)
    assert share_around(field, (GRID, GRID), region) == pytest.approx(1)
    row, column = divmod(region, GRID)
    seen = field.view(GRID, 4, GRID, 4).sum(dim=(1, 3))
    assert seen[row, column].item() == pytest.approx(1)


def test_a_region_that_mixes_all_sees_all_and_its_own_most() -> None:
    field = receptive_field(backbone(Patches(mixed=True)), PIXELS, 4)
    assert field is not None
    # Its own square counts 1 + 1/9 times, each other 1/9; squared.
    own = (10 / 9) ** 2 / ((10 / 9) ** 2 + 8 / 81)
    assert share_around(field, (GRID, GRID), 4) == pytest.approx(own, rel=1e-4)
    assert share_around(field, (GRID, GRID), 4, 1) == pytest.approx(1)
    assert share_around(field, (GRID, GRID), 0, 1) < 1


def test_without_gradients_nothing_is_known() -> None:
    assert receptive_field(backbone(Patches(cut=True)), PIXELS, 0) is None


def test_the_built_in_backbone_sees_beyond_a_square() -> None:
    built_in = load_backbone(image_size=64)
    pixels = torch.randint(0, 256, (3, 64, 64), dtype=torch.uint8)
    field = receptive_field(built_in, pixels, 0, projections=2)
    assert field is not None
    grid = (built_in.spec.rows, built_in.spec.columns)
    assert 0 < share_around(field, grid, 0) < 1
