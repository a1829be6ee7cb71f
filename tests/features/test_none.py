"""The features of a network that does not use the image."""

from __future__ import annotations

import pytest
import torch
from PIL import Image

from askattend.errors import FeatureError
from askattend.features.backbones import backbone_of, load_backbone
from askattend.features.geometry import square
from askattend.features.none import NO_FEATURES, NoFeatures
from askattend.features.source import FeatureSource


def test_source_and_backbone_give_the_same_zero_for_everything() -> None:
    source, backbone = NoFeatures(), backbone_of(NO_FEATURES, name="hf:another", where="here")
    assert isinstance(source, FeatureSource)
    assert "anything" in source
    assert source.spec == backbone.spec
    pictures = torch.stack(
        [square(Image.new("RGB", size, "red"), backbone.spec) for size in ((640, 48), (1, 1))]
    )
    zero = torch.zeros(2, 1, 1)
    assert torch.equal(source.read(["a", "nowhere"]), zero)
    assert torch.equal(backbone.regions(pictures), zero)


def test_it_cannot_be_chosen_by_name() -> None:
    with pytest.raises(FeatureError, match="no backbone 'none'"):
        load_backbone("none")
