"""One network distilled from several: who learnt what, who answered what, and going on."""

from __future__ import annotations

import io
import json
import shutil
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from safetensors.torch import load_file

from askattend.batching.batches import Batches
from askattend.data.crossing import with_crossed
from askattend.data.mirroring import LANGUAGES
from askattend.data.readers.registry import read_source
from askattend.data.text import tokenise
from askattend.errors import ConfigError, RunError
from askattend.experiment import teachers
from askattend.experiment.config import Config, VocabConfig
from askattend.experiment.inputs import training_splits_of
from askattend.experiment.teachers import held_out
from askattend.experiment.train import train
from askattend.features.extraction import ExtractConfig
from askattend.features.store import FeatureStore
from askattend.models import SAAAConfig
from askattend.models.baselines import QuestionOnlyConfig
from askattend.runs.linear_floors import load_linear_floors
from askattend.runs.run_folder import Run
from askattend.training import loop
from askattend.training.checkpoint import save_checkpoint
from askattend.training.config import TrainConfig
from askattend.training.distilling import load_soft_answers
from askattend.training.history import TrainingHistory, read_history
from squares import write_squares

QUIET = Console(quiet=True)
SEEDS, EPOCHS = 3, 2


def config(folder: Path, **changes: Any) -> Config[Any]:
    settings: dict[str, Any] = {
        "model": SAAAConfig(embedding_dim=8, question_dim=16, attention_dim=16, hidden_dim=16),
        "data": f"table:{folder / 'squares.csv'}",
        "extract": ExtractConfig(image_size=64),
        "vocab": VocabConfig(train_on="train+test", valid_fraction=0.3),
        "train": TrainConfig(epochs=EPOCHS, batch_size=8, min_steps=2, learning_rate=1e-2, seed=5),
        "seeds": SEEDS,
    }
    return Config(**{**settings, **changes})


@pytest.fixture(scope="module")
def squares(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with squares.csv, of 24 images, and a whole run in runs/one, cache beside it."""
    folder = tmp_path_factory.mktemp("squares")
    write_squares(folder)
    rows = (folder / "squares.csv").read_text().splitlines()
    for number in range(12):
        name = f"square {number}.png"
        shutil.copy(folder / name, folder / f"more {name}")
    more = [row.replace("square", "more square", 1) for row in rows[1:]]
    (folder / "squares.csv").write_text("\n".join([*rows, *more]) + "\n")
    train(config(folder), folder / "runs" / "one", console=QUIET)
    return folder


@given(st.integers(2, 40), st.floats(0.01, 0.99))
def test_as_many_are_held_out_from_each_as_each_is_held_out_from(count: int, share: float) -> None:
    left_out = [held_out(teacher, count, share) for teacher in range(count)]
    size = len(left_out[0])
    assert 1 <= size < count
    assert abs(size - share * count) <= 1
    assert all(len(set(folds)) == size for folds in left_out)
    for fold in range(count):
        assert sum(fold in folds for folds in left_out) == size


def test_nothing_is_held_out_if_nothing_is_to_be() -> None:
    assert held_out(1, 3, 0.0) == ()


@pytest.mark.parametrize("share", [0.0, 0.3])
def test_soft_answers_are_of_those_who_did_not_learn_from_the_image_if_there_are_such(
    squares: Path, monkeypatch: pytest.MonkeyPatch, share: float
) -> None:
    learnt: list[tuple[Run, Batches]] = []

    def noted(run: Run, batches: Batches, *more: Any, **options: Any) -> TrainingHistory:
        learnt.append((run, batches))
        return loop.fit(run, batches, *more, **options)

    monkeypatch.setattr(teachers, "fit", noted)
    monkeypatch.setattr(teachers, "tempered", lambda teacher, unseen: teacher)
    monkeypatch.setattr(shutil, "rmtree", lambda *_, **__: None)
    settings = config(squares)
    settings = replace(settings, train=replace(settings.train, distil_held_out=share))
    run = train(settings, squares / "runs" / f"noted {share}", console=QUIET)
    assert [r.config["train"]["seed"] for r, _ in learnt] == [5, 6, 7]
    splits = training_splits_of(config(squares), read_source(f"table:{squares / 'squares.csv'}"))
    seen = [{question.image for question in batches.questions} for _, batches in learnt]
    assert not set.union(*seen) & splits.valid.images.keys()
    soft, _ = load_soft_answers(run.folder, questions=len(splits.train), answers=len(run.answers))
    source = learnt[0][1].source
    models = [teacher.load_model() for teacher, _ in learnt]
    for row, question in enumerate(splits.train):
        strangers = [
            model
            for model, images in zip(models, seen, strict=True)
            if not share or question.image not in images
        ]
        assert len(strangers) == (1 if share else SEEDS)
        tokens = torch.tensor([run.words.encode(question.text)])
        lengths, index = torch.tensor([tokens.shape[1]]), torch.tensor([0])
        regions = source.read([question.image]).float()
        with torch.no_grad():
            logits = [model(regions, tokens, lengths, index).logits for model in strangers]
        expected = torch.cat(logits).float().softmax(dim=1).mean(dim=0)
        for answer, probability in zip(soft.index[row], soft.probability[row], strict=True):
            assert probability == pytest.approx(float(expected[answer]), abs=0.02)


def test_the_run_is_one_network_and_tells_of_the_others(squares: Path) -> None:
    folder = squares / "runs" / "one"
    assert not (folder / "teachers").exists()
    metrics = json.loads((folder / "metrics.json").read_text())
    told = metrics["teachers"]
    assert len(told["valid_accuracy"]) == SEEDS
    assert told["mean"] == pytest.approx(sum(told["valid_accuracy"]) / SEEDS)
    assert 0 <= told["ensemble"] <= 1
    best = read_history(Run.load(folder)).best
    assert best is not None
    assert metrics["valid_accuracy"] == best.valid_accuracy
    assert "- Distilled from 3 networks" in (folder / "README.md").read_text()


def test_what_is_taught_changes_what_is_learnt(squares: Path, tmp_path: Path) -> None:
    shutil.copytree(squares / "runs" / "features", tmp_path / "features")
    plain = config(squares, seeds=1)
    train(plain, tmp_path / "plain", console=QUIET)
    assert not (tmp_path / "plain" / "soft_answers.safetensors").exists()
    assert "teachers" not in json.loads((tmp_path / "plain" / "metrics.json").read_text())
    assert "Distilled" not in (tmp_path / "plain" / "README.md").read_text()
    unheard = replace(plain, seeds=SEEDS, train=replace(plain.train, distil_weight=0.0))
    train(unheard, tmp_path / "unheard", console=QUIET)
    one = squares / "runs" / "one"
    weights = [
        (folder / "best.safetensors").read_bytes()
        for folder in (tmp_path / "plain", tmp_path / "unheard", one)
    ]
    assert weights[0] == weights[1]
    assert weights[0] != weights[2]


# Of the eight epochs that all networks take, the one that is interrupted.
@pytest.mark.parametrize("interrupted", [4, 6, 7])
def test_interrupted_and_resumed_it_ends_with_the_same_weights(
    squares: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, interrupted: int
) -> None:
    shutil.copytree(squares / "runs" / "features", tmp_path / "features")
    out, one = tmp_path / "two", squares / "runs" / "one"
    epochs = []

    def interrupting(*arguments: Any) -> None:
        epochs.append(arguments)
        if len(epochs) == interrupted:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        both = _then(interrupting, save_checkpoint)
        patched.setattr("askattend.training.loop.save_checkpoint", both)
        with pytest.raises(KeyboardInterrupt):
            train(config(squares), out, console=QUIET)
    told = io.StringIO()
    train(config(squares), out, resume=True, console=Console(file=told, width=200))
    for name in ("best.safetensors", "last.safetensors", "soft_answers.safetensors"):
        same = _without_times(out / name) == _without_times(one / name)
        assert same, name
    assert ("network 3 of 3" in told.getvalue()) == (interrupted <= SEEDS * EPOCHS)
    assert "one network, distilled from 3" in told.getvalue()
    assert not (out / "teachers").exists()


def _then(first: Any, second: Any) -> Any:
    def both(*arguments: Any) -> None:
        first(*arguments)
        second(*arguments)

    return both


def _without_times(file: Path) -> dict[str, list[float]]:
    # The metadata, which tells seconds, is left out.
    return {name: tensor.flatten().tolist() for name, tensor in load_file(file).items()}


def test_going_on_with_another_number_is_refused(squares: Path) -> None:
    with pytest.raises(RunError, match="cannot go on: seeds is 2, and was 3"):
        train(config(squares, seeds=2), squares / "runs" / "one", resume=True, console=QUIET)


CROSSED = 2


@pytest.fixture(scope="module")
def by_floor(squares: Path) -> Config[Any]:
    """Settings of a network that a floor teaches alone, its questions asked of two more images."""
    plain = config(squares, seeds=1)
    return replace(
        plain, train=replace(plain.train, distil_floor=1.0, distil_crossed=CROSSED, flips=0.0)
    )


@pytest.fixture(scope="module")
def taught(squares: Path, by_floor: Config[Any]) -> tuple[Run, str]:
    """The run of these settings, and what its training told."""
    told = io.StringIO()
    out = squares / "runs" / "by floor"
    return train(by_floor, out, console=Console(file=told, width=200)), told.getvalue()


def test_a_floor_answers_each_question_about_other_images(
    squares: Path, by_floor: Config[Any], taught: tuple[Run, str]
) -> None:
    run, told = taught
    out = run.folder
    splits = training_splits_of(by_floor, read_source(f"table:{squares / 'squares.csv'}"))
    questions = with_crossed(splits.train, CROSSED, seed=by_floor.train.seed)
    more = len(questions) - len(splits.train)
    assert f"teachers answer {more:,} questions more" in told
    soft, scores = load_soft_answers(out, questions=len(questions), answers=len(run.answers))
    assert (scores.crossed, scores.valid_accuracy) == (more, ())
    floor = load_linear_floors(out)[-1]
    assert scores.floor == floor.name == "bag of words + image"
    stores = squares / "runs" / "features"
    store = FeatureStore.open(next(file for file in stores.iterdir() if file.is_dir()))
    mean = {image: store.read([image]).float().mean(dim=1).numpy() for image in splits.train.images}
    for row, question in enumerate(questions):
        texts = tokenise(question.text)
        ngrams = {*texts, *(f"{a} {b}" for a, b in pairwise(texts))}
        words = np.array([ngram in ngrams for ngram in floor.ngrams], dtype=np.float32)
        assert floor.image is not None
        seen = floor.image(mean[question.image])[0]
        logits = floor.weights.astype(np.float32) @ np.concatenate([words, seen]) + floor.bias
        expected = torch.from_numpy(logits).softmax(dim=0)
        for answer, probability in zip(soft.index[row], soft.probability[row], strict=True):
            place = floor.answers.index(run.answers.answers[answer])
            assert probability == pytest.approx(float(expected[place]), abs=2e-3)
    card = (out / "README.md").read_text()
    assert "A linear model taught it: bag of words + image." in card
    assert f"to {more:,} questions asked of other images" in card


def test_taught_by_a_floor_and_resumed_it_ends_with_the_same_weights(
    squares: Path, by_floor: Config[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(squares / "runs" / "features", tmp_path / "features")
    whole, out = tmp_path / "whole", tmp_path / "run"
    train(by_floor, whole, console=QUIET)

    def interrupting(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(
            "askattend.training.loop.save_checkpoint", _then(save_checkpoint, interrupting)
        )
        with pytest.raises(KeyboardInterrupt):
            train(by_floor, out, console=QUIET)
    train(by_floor, out, resume=True, console=QUIET)
    assert _without_times(out / "best.safetensors") == _without_times(whole / "best.safetensors")


def test_networks_and_a_floor_teach_together(
    squares: Path, by_floor: Config[Any], taught: tuple[Run, str]
) -> None:
    both = replace(by_floor, seeds=2, train=replace(by_floor.train, distil_floor=0.25))
    out = squares / "runs" / "both"
    run = train(both, out, console=QUIET)
    by_it = taught[0].folder
    alone, _ = load_soft_answers(by_it, questions=_rows(out), answers=len(run.answers))
    mixed, scores = load_soft_answers(out, questions=_rows(out), answers=len(run.answers), kinds=2)
    assert (len(scores.valid_accuracy), scores.floor) == (2, "bag of words + image")
    kept = alone.index.shape[1]
    assert (mixed.index[:, kept:] == alone.index).all()
    assert mixed.probability[:, kept:] == pytest.approx(0.25 * alone.probability, abs=2e-3)
    assert mixed.probability[:, :kept].sum(axis=1) == pytest.approx(0.75, abs=2e-3)


def _rows(folder: Path) -> int:
    return len(load_file(folder / "soft_answers.safetensors")["index"])


def test_a_network_without_images_is_asked_no_more_questions(
    squares: Path, by_floor: Config[Any], tmp_path: Path
) -> None:
    blind = replace(by_floor, model=QuestionOnlyConfig(question_dim=8))
    train(blind, tmp_path / "blind", console=QUIET)
    splits = training_splits_of(blind, read_source(f"table:{squares / 'squares.csv'}"))
    assert _rows(tmp_path / "blind") == len(splits.train)


def test_mirror_images_are_taught_too(squares: Path, tmp_path: Path) -> None:
    flipping = config(squares, seeds=2)
    flipping = replace(flipping, train=replace(flipping.train, flips=0.5, distil_held_out=0.5))
    run = train(flipping, tmp_path / "flips", console=QUIET)
    assert read_history(run).epochs[-1].epoch == EPOCHS


def test_a_question_without_a_mirror_bars_no_other_image_from_being_flipped(
    squares: Path, by_floor: Config[Any], tmp_path: Path
) -> None:
    rows = (squares / "squares.csv").read_text().splitlines()
    name = rows[1].split(",")[0]
    more = f"{name},what is written here?,yes,train,yes/no"
    assert not LANGUAGES[0].certain("what is written here?")
    table = squares / "uncertain.csv"
    table.write_text("\n".join([*rows, more, ""]))
    flipping = replace(
        by_floor, data=f"table:{table}", train=replace(by_floor.train, flips=0.5, distil_crossed=4)
    )
    train(flipping, tmp_path / "flips", console=QUIET)
    splits = training_splits_of(flipping, read_source(f"table:{table}"))
    crossed = with_crossed(
        splits.train, 4, seed=flipping.train.seed, only=lambda q: q.text != "what is written here?"
    )
    assert _rows(tmp_path / "flips") in (len(crossed), 2 * len(crossed))


def test_more_networks_than_images_are_refused(squares: Path, tmp_path: Path) -> None:
    many = config(squares, seeds=99)
    many = replace(many, train=replace(many.train, distil_held_out=0.1))
    message = r"seeds = 99: \d+ training images cannot be divided into 99 parts"
    with pytest.raises(ConfigError, match=message):
        train(many, tmp_path / "run", console=QUIET)
    assert not list(tmp_path.iterdir())


def test_less_than_one_is_refused(squares: Path) -> None:
    with pytest.raises(ConfigError, match="seeds = 0"):
        config(squares, seeds=0)
