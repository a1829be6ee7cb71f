"""Backbones by name, in this package and in others."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from askattend.cli import main
from askattend.errors import ConfigError, FeatureError
from askattend.features.backbones import (
    absolute_backbone,
    backbone_of,
    default_size,
    load_backbone,
)
from askattend.features.store import FeatureStore
from features.feature_cases import picture


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "efficientnet-lite3"}, "Did you mean 'efficientnet-lite2'.*hf:NAME"),
        ({"name": "microsoft/resnet-152"}, "hf:microsoft/resnet-152"),
        ({"name": "hf:"}, "no backbone 'hf:'"),
        ({"dtype": "float61"}, "Did you mean 'float16'"),
        ({"image_size": 100}, "not a multiple of 32. The nearest valid one is 96"),
        ({"image_size": 10}, "The nearest valid one is 32"),
        ({"image_size": 0}, "not positive"),
        ({"name": "hf:./nowhere"}, "no such folder"),
        ({"name": "hf:a/b/c"}, "no such folder"),
    ],
)
def test_what_load_backbone_refuses(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(FeatureError, match=message):
        load_backbone(**arguments)


# --- a backbone of another package ------------------------------------------------------------

COLOURS = """
from torch import nn

from askattend.features.backbone_family import BackboneFamily
from askattend.features.spec import Backbone, FeatureSpec


class Colours(nn.Module):
    def forward(self, pixels):
        return nn.functional.adaptive_avg_pool2d(pixels, 2).flatten(2).transpose(1, 2)


def load(place, *, image_size, dtype, precision):
    made_by = ("colours", "0123456789abcdef", image_size, (0.0,) * 3, (1.0,) * 3)
    return Backbone(spec=FeatureSpec(*made_by, 2, 2, 3, dtype, precision), network=Colours())


COLOURS = BackboneFamily("mean colours of the quarters", load, image_size=32)
"""


@pytest.fixture
def colours_package(install_package: Callable[..., Path]) -> None:
    install_package(
        "askattend_colours",
        COLOURS,
        group="askattend.backbones",
        name="colours",
        value="askattend_colours:COLOURS",
    )


@pytest.mark.usefixtures("colours_package")
def test_another_package_adds_a_backbone(tmp_path: Path) -> None:
    assert default_size("colours") == 32
    assert absolute_backbone("colours") == "colours"
    pixels = picture(32, images=2)
    regions = load_backbone("colours", dtype="float32").regions(pixels)
    quarter = pixels[:, :, :16, 16:].float().mean((2, 3)) / 255
    torch.testing.assert_close(regions[:, 1], quarter)

    images = tmp_path / "images"
    images.mkdir()
    Image.new("RGB", (9, 9), (255, 0, 51)).save(images / "red.png")
    main(["extract", str(images), "--out", str(tmp_path / "store"), "--backbone", "colours"])
    store = FeatureStore.open(tmp_path / "store")
    expected = torch.tensor([1.0, 0.0, 0.2], dtype=torch.float16).expand(1, 4, 3)
    torch.testing.assert_close(store.read(["red.png"]), expected)
    assert backbone_of(store.spec, where="store").spec == store.spec


@pytest.mark.usefixtures("colours_package")
def test_a_family_that_knows_no_strides_is_not_asked_for_them() -> None:
    with pytest.raises(FeatureError, match=r"no map at stride 16\. Leave the strides at last"):
        load_backbone("colours", strides="16")


@pytest.mark.usefixtures("colours_package")
def test_hints_know_the_backbones_of_other_packages() -> None:
    with pytest.raises(FeatureError, match=r"Did you mean 'colours'\? .*colours \(mean colours of"):
        load_backbone("colour")
    with pytest.raises(FeatureError, match=r"no backbone 'colours:red'"):
        load_backbone("colours:red")


def test_a_broken_backbone_is_named_when_it_is_used(install_package: Callable[..., Path]) -> None:
    install_package(
        "broken_colours", "", group="askattend.backbones", name="colours", value="broken_colours:X"
    )
    with pytest.raises(ConfigError, match=r"'colours' \(entry point of broken_colours 1\.0, "):
        load_backbone("colours")
    with pytest.raises(FeatureError, match=r"no backbone 'resnet'\. Backbones are efficientnet-"):
        load_backbone("resnet")
