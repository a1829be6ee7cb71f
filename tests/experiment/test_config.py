"""The settings of an experiment, to TOML and back."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from askattend.cli import main
from askattend.errors import ConfigError
from askattend.experiment.config import (
    Config,
    VocabConfig,
    config_from,
    preset_for,
    presets,
    read_preset,
)
from askattend.features.extraction import ExtractConfig
from askattend.models import SAAAConfig, SANConfig, networks
from askattend.settings import toml_bytes
from askattend.training.config import TrainConfig

WIDTHS = st.integers(1, 5000)
CONFIGS: st.SearchStrategy[Config[Any]] = st.builds(
    Config,
    model=st.builds(SAAAConfig, glimpses=WIDTHS, dropout=st.floats(0, 1, exclude_max=True))
    | st.builds(SANConfig, hops=st.integers(1, 100)),
    data=st.text(st.characters(exclude_categories=["Cs"])),
    features=st.none() | st.sampled_from([Path("a b/store"), Path("/é")]),
    vocab=st.builds(VocabConfig, answers=WIDTHS, valid_fraction=st.sampled_from([0.05, 0.5])),
    extract=st.builds(ExtractConfig, image_size=st.none() | WIDTHS),
    train=st.builds(TrainConfig, learning_rate=st.floats(1e-300, 1e9), device=st.text("cpu:01")),
)


@given(CONFIGS)
def test_toml_and_back_is_the_same(config: Config[Any]) -> None:
    tables = tomllib.loads(toml_bytes(config.tables()).decode())
    assert config_from(tables, tables["network"], where="x") == config


@given(CONFIGS)
def test_what_was_resolved_is_whole(config: Config[Any]) -> None:
    tables = config.tables()
    for section in ("model", "vocab", "extract", "train"):
        chosen = getattr(config, section)
        assert set(tables[section]) == {k for k, v in vars(chosen).items() if v is not None}


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        ({"network": "sna"}, r"^x: unknown network 'sna'\. Did you mean 'san'\?$"),
        ({"network": ["saaa"]}, r"^x: unknown network "),
        ({"data": 3}, r"^x: 'data' must be"),
        ({"features": 3}, r"^x: 'features' must be"),
        ({"features": ["a"]}, r"^x: 'features' must be"),
        ({"feature": "a"}, r"^x: unknown setting 'feature'\. Did you mean 'features'\?$"),
        ({"vocab": {"valid_fraction": 1.0}}, r"^x \[vocab\]: valid_fraction = 1\.0: "),
        ({"vocab": {"answers": True}}, r"^x \[vocab\]: answers = True: expected int"),
        ({"train": {"learning-rate": 0}}, r"^x \[train\]: learning_rate = 0: "),
        ({"train": {"sampling": "by image"}}, r"^x \[train\]: sampling = 'by image': "),
        ({"train": []}, r"^x: 'train' must be a table\. Write \[train\]\.$"),
        ({"extract": {"backbone": "resnet"}}, r"^x \[extract\]: no backbone 'resnet'"),
    ],
)
def test_mistakes_say_where(tables: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        config_from(tables, "saaa", where="x")


@pytest.mark.parametrize("section", ["model", "vocab", "extract", "train"])
@pytest.mark.parametrize("network", networks())
def test_every_misspelt_setting_is_mended(network: str, section: str) -> None:
    settings = getattr(Config(model=networks()[network].config_type()()), section)
    for name in vars(settings):
        with pytest.raises(ConfigError, match=f"Did you mean '{name}'"):
            config_from({section: {name + "z": 1}}, network, where="x")


@pytest.mark.parametrize("name", presets())
def test_presets_name_their_network_and_are_valid(name: str) -> None:
    tables = tomllib.loads(presets()[name].read_text(encoding="utf-8"))
    config = read_preset(name, tables["network"])
    for section, values in tables.items():
        if isinstance(values, dict):
            written = config.tables()[section]
            assert {key: written[key.replace("-", "_")] for key in values} == values


def test_another_encoder_than_the_presets_has_a_preset_of_its_own() -> None:
    lstm, cnn = "san-published-code", "san-published-code-cnn"
    published = {name: read_preset(name, "san") for name in (lstm, cnn)}
    # With either the encoder may be changed, and has the published widths.
    for name, other in ((lstm, cnn), (cnn, lstm)):
        changed = replace(published[name].model, encoder=published[other].model.encoder)
        assert changed == published[other].model
        assert preset_for(name, changed) == other
        assert preset_for(name, published[name].model) is None
        assert preset_for("mine.toml", changed) is None
        assert preset_for(name, replace(changed, variant="paper")) is None
    assert preset_for("easy-vqa", SAAAConfig()) is None


@pytest.mark.parametrize(("encoder", "noted"), [("cnn", True), ("lstm", False)])
def test_the_preset_of_another_encoder_is_named(
    encoder: str, noted: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = f"train san --preset san-published-code --model.encoder {encoder} --data table:none.csv"
    with pytest.raises(SystemExit):
        main([*words.split(), "--out", str(tmp_path / "run")])
    note = "note: san-published-code is not made for the encoder cnn: san-published-code-cnn is, "
    assert (note in capsys.readouterr().err) == noted


def test_a_preset_for_another_network_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"is for the network 'saaa'\. Train saaa, not san\."):
        read_preset("easy-vqa", "san")
