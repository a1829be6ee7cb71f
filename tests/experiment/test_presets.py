"""Presets: the papers' settings for VQA, and settings that go on top of a recipe's."""

from __future__ import annotations

import json
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from askattend.experiment.config import read_preset
from askattend.models import SAAAConfig, SANConfig
from askattend.training.config import TrainConfig
from commands import Call
from squares import write_squares

# Questions of the training split, and its name in the files of each version.
QUESTIONS = {"vqa-v1": 248_349, "vqa-v2": 443_757}
NETWORKS = {"vqa-v1": "saaa", "vqa-v2": "saaa", "vqa-v1-san": "san"}
SMALL = ["--extract.backbone", "efficientnet-lite2", "--extract.image-size", "32"]
SMALL += ["--train.epochs", "1", "--model.question-dim", "8"]


def write_vqa(folder: Path, prefix: str) -> None:
    """Three questions on an image of each of two splits, in the official schema."""
    (folder / "images").mkdir()
    for image, split in enumerate(("train2014", "val2014"), start=1):
        name = f"COCO_{split}_{image:012}.jpg"
        Image.new("RGB", (32, 32), (90 * image, 30, 30)).save(folder / "images" / name)
        ids = [10 * image + number for number in range(3)]
        asked = [{"question_id": n, "image_id": image, "question": f"is it {n}?"} for n in ids]
        answered = [
            {
                "question_id": n,
                "image_id": image,
                "question_type": "is it",
                "answer_type": "yes/no",
                "multiple_choice_answer": "yes",
                "answers": [
                    {"answer": "yes", "answer_confidence": "yes", "answer_id": number}
                    for number in range(1, 11)
                ],
            }
            for n in ids
        ]
        about = {"data_subtype": split, "data_type": "mscoco"}
        for file, content in (
            (f"{prefix}OpenEnded_mscoco_{split}_questions.json", {"questions": asked}),
            (f"{prefix}mscoco_{split}_annotations.json", {"annotations": answered}),
        ):
            (folder / file).write_text(json.dumps({**about, **content}))


@pytest.mark.parametrize("name", QUESTIONS)
def test_vqa_is_trained_as_saaas_paper_does(name: str) -> None:
    config = read_preset(name, "saaa")
    assert config.model == SAAAConfig()
    assert config.train == replace(TrainConfig(), epochs=config.train.epochs)
    assert (config.vocab.answers, config.recipe) == (3000, "paper")
    assert (config.extract.backbone, config.extract.image_size) == ("hf:microsoft/resnet-152", 448)
    steps = config.train.epochs * QUESTIONS[name] / config.train.batch_size
    assert abs(steps - 100_000) < QUESTIONS[name] / config.train.batch_size


def test_vqa_doubles_sans_widths() -> None:
    vqa, others = read_preset("vqa-v1-san", "san").model, SANConfig()
    assert vqa.question_dim == 2 * others.question_dim
    assert vqa.filters == tuple(2 * filters for filters in others.filters)


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("train_on", ["train", "train+valid"])
def test_a_preset_goes_with_the_data_set(
    name: str, train_on: str, tmp_path: Path, call: Call
) -> None:
    version = name.removesuffix("-san")
    write_vqa(tmp_path, "" if version == "vqa-v1" else "v2_")
    source = f"{version if version == 'vqa-v1' else 'vqa'}:{tmp_path}"
    out = tmp_path / "run"
    words = ["train", NETWORKS[name], "--preset", name, "--data", source, "--out", out, *SMALL]
    status, _, err = call(*words, "--vocab.train-on", train_on)
    assert status == 0, err
    learnt = json.loads((out / "metrics.json").read_text())["data"]["train"]
    assert learnt == {"questions": 3 * len(train_on.split("+")), "images": len(train_on.split("+"))}


def test_a_preset_goes_on_top_of_the_recipe_that_it_names(tmp_path: Path, call: Call) -> None:
    preset, out = tmp_path / "mine.toml", tmp_path / "run"
    preset.write_text(
        'network = "saaa"\nrecipe = "auto"\n[model]\nquestion-dim = 8\nattention_dim = 9\n'
        "[train]\nepochs = 2\n[extract]\nimage_size = 32\n"
    )
    data = ("--data", f"table:{write_squares(tmp_path)}")
    words = ("train", "saaa", "--preset", preset, *data, "--out", out, "--model.attention-dim", "7")
    status, _, err = call(*words)
    assert status == 0
    assert "recipe: small (" in err
    config = tomllib.loads((out / "config.toml").read_text())
    assert (config["recipe"], config["train"]["epochs"]) == ("small", 2)
    model = config["model"]
    assert model["hidden_dim"] == 256  # the recipe's
    assert model["question_dim"] == 8  # the preset's
    assert model["attention_dim"] == 7  # the command's
    before = (out / "config.toml").read_bytes()
    assert call(*words, "--resume")[0] == 0
    assert (out / "config.toml").read_bytes() == before
    status, _, err = call(*words, "--resume", "--model.hidden-dim", "5")
    assert (status, "cannot go on: model.hidden_dim is 5, and was 256" in err) == (2, True)


def test_a_preset_without_a_recipe_is_taken_as_it_is(tmp_path: Path, call: Call) -> None:
    preset, out = tmp_path / "mine.toml", tmp_path / "run"
    preset.write_text('network = "saaa"\n[train]\nepochs = 1\n[extract]\nimage_size = 32\n')
    data = ("--data", f"table:{write_squares(tmp_path)}")
    status, _, err = call("train", "saaa", "--preset", preset, *data, "--out", out)
    assert (status, "recipe:" in err) == (0, False)
    assert read_preset(str(out / "config.toml"), "saaa").model == SAAAConfig()
