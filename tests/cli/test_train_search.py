"""``askattend train … --search``: what its words mean, and which are refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import askattend.cli.train
from askattend.experiment.config import Config, read_preset
from askattend.experiment.search.space import vary
from askattend.experiment.search.trials import Trials
from askattend.models import SAAAConfig, SANConfig, model_name
from askattend.training.config import TrainConfig
from cli.conftest import Mistake
from commands import Call


@pytest.fixture
def searched(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the command calls `search` with."""
    given: dict[str, Any] = {}

    def search(config: Config[Any], out: Path, **more: Any) -> None:
        given.update(more, config=config, out=out)

    monkeypatch.setattr(askattend.cli.train, "search", search)
    return given


def test_options_stay_whatever_a_search_draws(searched: dict[str, Any], call: Call) -> None:
    words = "train saaa --data scenes --out x --search 1h30m --model.dropout 0.25 --search-folds 4"
    assert call(*words.split())[0] == 0
    assert (searched["seconds"], searched["folds"]) == (5400, 4)
    assert searched["config"].recipe == "auto"
    for seed in range(20):
        drawn = vary(searched["config"], seed=f"{seed}")
        there = searched["keep"](drawn)
        assert there.model.dropout == 0.25
        assert there.train == drawn.train


def test_any_is_both_networks_each_with_its_options(searched: dict[str, Any], call: Call) -> None:
    words = "train any --data scenes --out x --search 90s --model.question-dim 32"
    assert call(*words.split())[0] == 0
    (other,) = searched["also"]
    assert [model_name(c.model) for c in (searched["config"], other)] == ["saaa", "san"]
    for model in (SAAAConfig(), SANConfig()):
        there = searched["on_top"](Config(model=model))
        assert (type(there.model), there.model.question_dim) == (type(model), 32)


def test_a_preset_is_where_a_search_starts_but_does_not_stay(
    searched: dict[str, Any], call: Call
) -> None:
    words = "train saaa --preset scenes --out x --search 2m --train.seed 4"
    assert call(*words.split())[0] == 0
    preset = read_preset("scenes", "saaa")
    assert searched["config"] == replace(preset, train=replace(preset.train, seed=4))
    other = Config(model=SAAAConfig(), train=TrainConfig(epochs=77))
    assert searched["on_top"](other).train.epochs != 77
    assert (searched["keep"](other).train.epochs, searched["keep"](other).train.seed) == (77, 4)


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("train saaa --data easy-vqa --out x --search soon", "soon: not a duration. Write 90s"),
        ("train any --data easy-vqa --out x", "'any' network is for a search alone. Add --search"),
        ("train saaa --data easy-vqa --out x --search-folds 2", "--search-folds is for a search"),
        ("train saaa --search 1m --data easy-vqa", "Add --out RUN"),
    ],
)
def test_mistakes(mistake: Mistake, command: str, message: str) -> None:
    mistake(command, message)


def test_an_unfinished_search_wants_its_budget(tmp_path: Path, call: Call) -> None:
    Trials(60, 3, [], []).save(tmp_path)
    status, _, err = call("train", "saaa", "--data", "scenes", "--out", tmp_path, "--resume")
    assert (status, "holds an unfinished search. Add --search and its budget" in err) == (2, True)


def test_a_search_goes_on_whichever_network_it_chose(
    trained: Path, searched: dict[str, Any], call: Call
) -> None:
    out = trained / "runs" / "san"
    assert (
        call("train", "any", "--data", "scenes", "--out", out, "--search", "1m", "--resume")[0] == 0
    )
    assert searched["resume"]
