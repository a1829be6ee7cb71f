"""What a model is fed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from askattend.errors import FeatureError
from askattend.features.hub_preprocessing import parse_preprocessing
from features.feature_cases import picture
from features.hub_cases import load


def test_a_preprocessor_is_obeyed(saved: Callable[[str], Path], tmp_path: Path) -> None:
    for file in saved("vit").iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    settings = {"image_mean": [0.5, 0.4, 0.3], "image_std": [0.5, 0.25, 0.2]}
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(settings))
    spec = load(tmp_path).spec
    assert spec.mean == pytest.approx((0.5, 0.4, 0.3))
    assert spec.std == pytest.approx((0.5, 0.25, 0.2))
    assert spec.fingerprint == load(saved("vit")).spec.fingerprint
    with pytest.raises(FeatureError, match="mean"):
        spec.require(load(saved("vit")).spec, where="store")
    (tmp_path / "preprocessor_config.json").write_text('{"image_std": [0.5, 0.5]}')
    with pytest.raises(FeatureError, match=r"preprocessor_config\.json: malformed"):
        load(tmp_path)


@given(
    x=st.integers(0, 255),
    normalize=st.booleans(),
    rescale=st.booleans(),
    factor=st.sampled_from([1 / 255, 0.00392156862745098, 1 / 127.5, 1.0]),
    offset=st.booleans(),
    twice=st.booleans(),
    mean=st.floats(0, 1),
    std=st.floats(0.1, 1),
)
def test_any_preprocessing_is_one_mean_and_deviation(
    x: int,
    normalize: bool,
    rescale: bool,
    factor: float,
    offset: bool,
    twice: bool,
    mean: float,
    std: float,
) -> None:
    y = float(x)
    if rescale:
        y = y * factor - (1 if offset else 0)
    if normalize:
        y = (y - mean) / std / (std if twice else 1)
    settings = {
        "do_normalize": normalize,
        "do_rescale": rescale,
        "rescale_factor": factor,
        "rescale_offset": offset and rescale,
        "include_top": twice,
        "image_mean": [mean] * 3,
        "image_std": std,
    }
    ours = parse_preprocessing(settings)
    for red_green_blue in range(3):
        fed = (x / 255 - ours.mean[red_green_blue]) / ours.std[red_green_blue]
        assert fed == pytest.approx(y, rel=1e-6, abs=1e-6)


def test_channels_are_turned_for_a_model_that_takes_bgr(
    saved: Callable[[str], Path], tmp_path: Path
) -> None:
    for file in saved("resnet").iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    settings = {"do_flip_channel_order": True, "do_normalize": False}
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(settings))
    turned = load(tmp_path).regions(picture(64))
    settings["do_flip_channel_order"] = False
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(settings))
    assert torch.equal(turned, load(tmp_path).regions(picture(64).flip(1)))
