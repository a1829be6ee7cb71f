"""Settings from TOML: what is wrong is named, with the nearest right key."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from askattend.errors import ConfigError
from askattend.experiment.config import Config, config_from, read_preset
from askattend.models import SAAAConfig, SANConfig
from askattend.settings import from_mapping, read_toml, toml_bytes
from askattend.training.config import TrainConfig


def test_what_is_left_out_keeps_its_default() -> None:
    assert from_mapping(SAAAConfig, {"glimpses": 3}, where="x") == SAAAConfig(glimpses=3)


def test_hyphens_are_underscores() -> None:
    assert from_mapping(SAAAConfig, {"hidden-dim": 7}, where="x").hidden_dim == 7


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"glimpsess": 3}, r"x: unknown setting 'glimpsess'\. Did you mean 'glimpses'\?"),
        ({"glimpses": 0}, r"x: glimpses = 0: expected int >= 1"),
        ({"glimpses": "two"}, r"x: glimpses = 'two': expected int, got str"),
        ({"dropout": 1}, r"x: dropout = 1: expected a number between 0 and 1, 1 excluded"),
        ({"dropout": -0.5}, r"x: dropout = -0.5: expected a number between 0 and 1, 1 excluded"),
        ({"dropout": True}, r"x: dropout = True: expected float, got bool"),
        ({"dropout": "x"}, r"x: dropout = 'x': expected float, got str"),
        ({"hidden_dim": 2**63}, r"x: hidden_dim = 9223372036854775808: expected a number below"),
    ],
)
def test_mistakes_are_named(table: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        from_mapping(SAAAConfig, table, where="x")


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        ({"modle": {}}, r"unknown setting 'modle'\. Did you mean 'model'\?"),
        ({"model": 3}, r"'model' must be a table"),
        ({"network": "san"}, r"is for the network 'san'"),
        ({"train": {"epoch": 3}}, r"\[train\]: unknown setting 'epoch'\. Did you mean 'epochs'"),
        ({"extract": {"dtype": "float61"}}, r"float61"),
        ({"train": {"penalty": 1}}, r"setting 'penalty'\. Did you mean 'l2_penalty'"),
        ({"train": {"half_life": 1}}, r"setting 'half_life'\. Did you mean 'lr_half_life'"),
        ({"train": {"final-fraction": 1}}, r"Did you mean 'final_lr_fraction'"),
        ({"train": {"embedding_rate": 80}}, r"Did you mean 'embedding_lr_scale'"),
        ({"train": {"clip_each": 1}}, r"setting 'clip_each'\. .*'?clip_norm_per_parameter'?"),
        ({"train": {"targets": "drawn"}}, r"targets = 'drawn': must be one of soft, sampled"),
    ],
)
def test_mistakes_in_a_preset_are_named(tables: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        config_from(tables, "saaa", where="file.toml")


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"encoder": "lstmm"}, r"encoder = 'lstmm': must be one of lstm, cnn\."),
        ({"variant": "paperr"}, r"variant = 'paperr': must be one of paper, published-code\."),
        ({"initial": 3}, r"initial = 3: must be one of glorot, published-code\."),
    ],
)
def test_choices_that_there_are_not_name_those_that_there_are(
    table: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=rf"^file\.toml \[model\]: {message}"):
        config_from({"model": table}, "san", where="file.toml")


def test_a_saved_config_is_a_preset(tmp_path: Path) -> None:
    config: Config[Any] = Config(
        model=SANConfig(hops=3),
        data="easy-vqa",
        features=Path("store"),
        train=TrainConfig(epochs=7, learning_rate=0.5),
    )
    file = tmp_path / "config.toml"
    # With or without the version of the layout that a run folder has.
    for first in ({}, {"layout": 2}, {"layout": 99}):
        file.write_bytes(toml_bytes({**first, **config.tables()}))
        assert read_preset(str(file), "san") == config


def test_files_that_are_no_presets(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"unknown preset 'easy_vqa'\. Did you mean 'easy-vqa'"):
        read_preset("easy_vqa", "saaa")
    with pytest.raises(ConfigError, match=r"no\.toml: no such file"):
        read_preset(str(tmp_path / "no.toml"), "saaa")
    broken = tmp_path / "broken.toml"
    broken.write_text("[model\n")
    with pytest.raises(ConfigError, match=r"broken\.toml: not a readable TOML file .*line 1"):
        read_toml(broken)
