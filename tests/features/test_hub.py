"""Models of the hub and of folders, as backbones."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from askattend.errors import FeatureError
from askattend.features.backbones import load_backbone
from askattend.features.folding import fold_resnet
from askattend.features.spec import Strides
from features.feature_cases import picture
from features.hub_cases import load, raw

STRIDES: tuple[Strides, Strides] = ("16", "16+32")


@pytest.mark.parametrize("kind", ["resnet", "convnext"])
def test_maps_become_regions_row_by_row(saved: Callable[[str], Path], kind: str) -> None:
    backbone, pixels = load(saved(kind), image_size=96), picture(96, images=2)
    grid, regions = raw(saved(kind), pixels), backbone.regions(pixels)
    assert (backbone.spec.rows, backbone.spec.columns, backbone.spec.region_dim) == (3, 3, 64)
    for row, column in itertools.product(range(3), range(3)):
        torch.testing.assert_close(regions[:, 3 * row + column], grid[:, :, row, column])


@pytest.mark.parametrize("kind", ["resnet", "convnext"])
def test_a_finer_map_is_the_stage_before(saved: Callable[[str], Path], kind: str) -> None:
    transformers = pytest.importorskip("transformers")
    name, pixels = f"hf:{saved(kind)}", picture(96, images=2)
    alone, both = (
        load_backbone(name, image_size=96, dtype="float32", strides=strides) for strides in STRIDES
    )
    assert both.spec.grids == ((6, 6, 32), (3, 3, 64))
    mean, std = (torch.tensor(n).view(3, 1, 1) for n in (both.spec.mean, both.spec.std))
    model = transformers.AutoModel.from_pretrained(saved(kind)).eval()
    with torch.inference_mode():
        normalised = (pixels / 255 - mean) / std
        stages = model(pixel_values=normalised, output_hidden_states=True).hidden_states
    regions = both.regions(pixels)
    assert torch.equal(alone.regions(pixels), regions[..., :32])
    last = raw(saved(kind), pixels)
    for row, column in itertools.product(range(6), range(6)):
        ours, coarse = regions[:, 6 * row + column].split([32, 64], dim=1)
        torch.testing.assert_close(ours, stages[3][:, :, row, column], rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(coarse, last[:, :, row // 2, column // 2], rtol=1e-4, atol=1e-4)


def test_a_backbone_without_a_finer_map_is_refused(saved: Callable[[str], Path]) -> None:
    with pytest.raises(FeatureError, match=r"no map at stride 16 .*its own grid is 4 × 4"):
        load_backbone(f"hf:{saved('vit')}", image_size=64, strides="16+32")


def test_a_resnet_s_norms_are_folded(saved: Callable[[str], Path]) -> None:
    """Of trained statistics, which freshly made ones are not."""
    transformers = pytest.importorskip("transformers")
    model = transformers.AutoModel.from_pretrained(saved("resnet"))
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            for tensor in (module.running_var, module.weight, module.running_mean, module.bias):
                assert tensor is not None
                nn.init.uniform_(tensor, 0.5, 1.5)
    model.eval()
    pixels = torch.randn(2, 3, 64, 64)
    with torch.inference_mode():
        expected = model(pixel_values=pixels).last_hidden_state
        fold_resnet(model)
        torch.testing.assert_close(
            model(pixel_values=pixels).last_hidden_state, expected, rtol=1e-4, atol=1e-4
        )
    assert not any(isinstance(module, nn.BatchNorm2d) for module in model.modules())


@pytest.mark.parametrize("kind", ["resnet", "vit", "swin"])
def test_bfloat16_is_near_and_another_spec(saved: Callable[[str], Path], kind: str) -> None:
    exact, pixels = load(saved(kind)), picture(64, images=2)
    low = load_backbone(f"hf:{saved(kind)}", image_size=64, dtype="float32", precision="bfloat16")
    assert low.spec == replace(exact.spec, precision="bfloat16")
    assert low.compute(pixels).dtype == torch.bfloat16
    ours, theirs = low.regions(pixels), exact.regions(pixels)
    assert ours.dtype == torch.float32
    assert 0 < (ours - theirs).norm() / theirs.norm() < 0.02


def test_weights_are_identified_and_a_pooler_may_be_missing(
    saved: Callable[[str], Path], tmp_path: Path
) -> None:
    """A classifier's files hold no pooler; transformers makes up a random one at each load."""
    transformers = pytest.importorskip("transformers")
    transformers.ViTModel.from_pretrained(saved("vit"), add_pooling_layer=False).save_pretrained(
        tmp_path
    )
    first, second = load(tmp_path), load(tmp_path)
    assert first.spec == second.spec
    assert torch.equal(first.regions(picture(64)), second.regions(picture(64)))
    assert first.spec.backbone == f"hf:{tmp_path}"


def test_weights_that_would_be_random_are_refused(
    saved: Callable[[str], Path], tmp_path: Path
) -> None:
    from safetensors.torch import load_file, save_file

    state = load_file(saved("resnet") / "model.safetensors")
    lost = next(name for name in state if "stages.2" in name)
    del state[lost]
    save_file(state, tmp_path / "model.safetensors", metadata={"format": "pt"})
    (tmp_path / "config.json").write_bytes((saved("resnet") / "config.json").read_bytes())
    with pytest.raises(FeatureError, match=r"1 of its weights.*would be random"):
        load(tmp_path)


def test_loading_is_silent(saved: Callable[[str], Path], capfd: pytest.CaptureFixture[str]) -> None:
    load(saved("vit"), image_size=112)
    assert capfd.readouterr() == ("", "")


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    with pytest.raises(FeatureError, match="holds no complete model"):
        load(tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "no-such-network"}')
    with pytest.raises(FeatureError, match="transformers cannot load it"):
        load(tmp_path)


def test_a_hub_out_of_reach(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")

    def unreachable(name: str, **arguments: Any) -> None:
        raise OSError("We couldn't connect to the hub.\nSee its help.")

    monkeypatch.setattr(transformers.AutoConfig, "from_pretrained", unreachable)
    with pytest.raises(FeatureError) as caught:
        load_backbone("hf:microsoft/resnet-152")
    message = str(caught.value)
    assert "not on this machine" in message
    assert "couldn't connect to the hub)" in message
    assert "hf:FOLDER" in message


def test_a_model_on_this_machine_is_not_looked_up(
    saved: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    transformers = pytest.importorskip("transformers")
    calls = []
    from_pretrained = transformers.AutoConfig.from_pretrained

    def watched(name: str, **arguments: Any) -> Any:
        calls.append(arguments)
        return from_pretrained(name, **arguments)

    monkeypatch.setattr(transformers.AutoConfig, "from_pretrained", watched)
    load(saved("resnet"))
    assert all(call["local_files_only"] for call in calls)
    assert not any(call["trust_remote_code"] for call in calls)
    assert calls


def test_without_transformers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(FeatureError, match=r"pip install .*'transformers>="):
        load_backbone("hf:microsoft/resnet-152")
