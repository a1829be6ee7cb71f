"""Settings by the size of the data: rules, and what a user sees and overrides."""

from __future__ import annotations

import json
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from askattend.experiment.config import Config
from askattend.experiment.recipe import MEDIUM, SMALL, SetSize, describe_recipe, recipe_for
from askattend.experiment.train import train
from askattend.features.extraction import ExtractConfig
from askattend.models import SAAAConfig, SANConfig, networks
from askattend.training.config import TrainConfig
from commands import Call
from small_questions import make_qaset, make_question
from squares import write_squares

PAPER = Config(model=SAAAConfig())


def auto(questions: int, answers: int = 500) -> Config[SAAAConfig]:
    size = SetSize(questions, questions // 5 + 1, answers)
    return recipe_for(Config(model=SAAAConfig(), recipe="auto"), size)


@pytest.mark.parametrize(
    ("questions", "name"),
    [(1, "small"), (SMALL - 1, "small"), (SMALL, "medium"), (MEDIUM, "large"), (10**6, "large")],
)
def test_the_number_of_questions_chooses(questions: int, name: str) -> None:
    assert auto(questions).recipe == name


def test_spellings_of_an_answer_are_one() -> None:
    answers = ["Bedroom", "bedroom", " bedroom", "bed room", "office"]
    questions = [make_question("?", (answer, 1), id=n) for n, answer in enumerate(answers)]
    assert SetSize.of(make_qaset(*questions)) == SetSize(5, 1, 3)


def test_paper_is_left_alone() -> None:
    assert recipe_for(PAPER, SetSize(50, 10, 5)) == PAPER


def test_vqa_keeps_the_papers_widths() -> None:
    assert auto(443_757, 3000).model == SAAAConfig()


@given(st.integers(1, 500_000), st.integers(1, 3000))
def test_every_network_has_a_recipe_for_every_size(questions: int, answers: int) -> None:
    size = SetSize(questions, questions, answers)
    for network in networks().values():
        config = recipe_for(Config(model=network.config_type()(), recipe="auto"), size)
        assert describe_recipe(config, size).startswith(f"recipe: {config.recipe} (")


@given(st.integers(1, 400_000), st.integers(1, 400_000))
def test_more_questions_never_mean_a_narrower_network_nor_more_epochs(a: int, b: int) -> None:
    fewer, more = (auto(count, 3000) for count in sorted((a, b)))
    assert fewer.model.question_dim <= more.model.question_dim
    assert fewer.train.epochs >= more.train.epochs or more.recipe == "large"


def test_dropout_is_for_what_could_be_learnt_by_heart() -> None:
    assert auto(15_000, 10).model.dropout == 0
    assert auto(15_000, 400).model.dropout > 0


def test_few_questions_are_asked_of_other_images_by_teachers() -> None:
    few, more = auto(500), auto(15_000)
    assert (few.seeds, few.train.distil_floor, few.train.distil_crossed) == (2, 0.5, 4)
    assert (more.seeds, more.train.distil_floor, more.train.distil_crossed) == (2, 0.5, 1)
    for untaught in (auto(15_000, 10), auto(50_000), auto(400_000)):
        assert (untaught.seeds, untaught.train.distil_floor) == (1, 0)
    assert describe_recipe(few, SetSize(500, 101, 500)).count("seeds 2") == 1
    assert "distil_crossed 4" in describe_recipe(few, SetSize(500, 101, 500))
    alone = replace(few, seeds=1, train=replace(few.train, distil_floor=0.0))
    assert "distil" not in describe_recipe(alone, SetSize(500, 101, 500))


def test_san_has_no_hidden_layer_to_narrow() -> None:
    config = recipe_for(Config(model=SANConfig(), recipe="small"), SetSize(500, 100, 50))
    assert (config.model.question_dim, config.model.hops) == (256, 2)


def test_options_come_on_top_and_the_run_says_what_was_chosen(tmp_path: Path, call: Call) -> None:
    table = write_squares(tmp_path)
    few = ("--train.epochs", "1", "--train.min-steps", "2")
    options = ("--model.question-dim", "8", "--extract.image-size", "32", *few)
    source = ("--data", f"table:{table}", "--out", tmp_path / "run")
    status, _, err = call("train", "saaa", *source, *options)
    assert status == 0
    line = next(line for line in err.splitlines() if line.startswith("recipe: small ("))
    assert "question_dim 8" in line
    assert "hidden_dim 256" in line
    settings = tomllib.loads((tmp_path / "run" / "config.toml").read_text())
    assert settings["recipe"] == "small"
    assert settings["model"]["question_dim"] == 8
    assert settings["model"]["hidden_dim"] == 256
    assert settings["train"]["epochs"] == 1
    status, _, err = call("train", "saaa", "--out", tmp_path / "run", "--resume")
    assert status == 0
    assert json.loads((tmp_path / "run" / "metrics.json").read_text())["epochs"] == 1


def test_a_run_keeps_its_recipe(tmp_path: Path, call: Call) -> None:
    table = write_squares(tmp_path)
    few = ("--train.epochs", "1", "--train.min-steps", "2")
    options = ("--extract.image-size", "32", "--model.question-dim", "8", *few)
    source = ("--data", f"table:{table}", "--out", tmp_path / "run")
    assert call("train", "saaa", *source, *options)[0] == 0
    again = ("--out", tmp_path / "run", "--resume", "--recipe", "large")
    status, _, err = call("train", "saaa", *again)
    assert (status, "recipe is 'large', and was 'small'" in err) == (2, True)
    begun = Config(
        model=SAAAConfig(question_dim=8),
        train=TrainConfig(min_steps=1),
        data=f"table:{table}",
        recipe="auto",
        extract=ExtractConfig(image_size=32),
    )
    train(begun, tmp_path / "mine", console=Console(quiet=True))
    train(begun, tmp_path / "mine", resume=True, console=Console(quiet=True))


def test_a_preset_and_a_recipe_are_one_too_many(tmp_path: Path, call: Call) -> None:
    source = ("--data", "scenes", "--out", tmp_path / "run")
    status, _, err = call("train", "saaa", *source, "--preset", "scenes", "--recipe", "small")
    assert status == 2
    assert "both choose the settings" in err
