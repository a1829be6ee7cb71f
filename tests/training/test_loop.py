"""The loop: it learns, stops, and goes on as if it had never been interrupted."""

from __future__ import annotations

import csv
import itertools
import signal
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from msgspec.structs import replace as replace_struct
from rich.console import Console
from safetensors.torch import load_file
from torch import Tensor

from askattend.batching.batches import Batch, Batches
from askattend.data.questions import QASet
from askattend.data.vocab import AnswerVocab, WordVocab
from askattend.metrics.floors import Floors
from askattend.runs.run_folder import Run
from askattend.training.checkpoint import Timer, save_checkpoint
from askattend.training.config import TrainConfig
from askattend.training.history import TrainingHistory, read_history, read_progress
from askattend.training.interruption import Interruption
from askattend.training.loop import fit
from askattend.training.validation import validate
from fake_features import FakeFeatures
from small_networks import SPEC, small_config
from small_questions import make_qaset, make_question

QUIET = Console(quiet=True)
NETWORK = small_config("saaa", embedding_dim=8, attention_dim=8, hidden_dim=16, dropout=0.1)


def place_and_kind(image: str) -> Tensor:
    """Features of an image whose place and kind stand in two of its regions."""
    regions = torch.zeros(4, 8)
    regions[0, int(image) % 3] = 1
    regions[1, 3 + int(image) % 4] = 1
    return regions


def questions(count: int = 48) -> QASet:
    return make_qaset(
        *(
            make_question(("which", "where")[i % 2], (answer(i), 1), id=i, image=str(i % 12))
            for i in range(count)
        )
    )


def answer(i: int) -> str:
    image = i % 12
    return f"place {image % 4}" if i % 2 else f"kind {image % 3}"


def set_up(folder: Path, config: TrainConfig) -> tuple[Run, Batches, Batches]:
    some = questions()
    words = WordVocab.build(q.text for q in some)
    answers = AnswerVocab.build(some)
    settings = {"network": "saaa", "model": asdict(NETWORK)}
    spec = replace(SPEC, region_dim=8)
    run = Run(folder, settings, words, answers, Floors.build(some), spec)
    run.save()
    made = [
        Batches(some, FakeFeatures(place_and_kind), words, answers, batch_size=config.batch_size)
        for _ in range(2)
    ]
    return run, made[0], made[1]


CONFIG = TrainConfig(epochs=4, batch_size=8, min_steps=10, learning_rate=1e-2)


def train(
    folder: Path, config: TrainConfig, *, resume: bool = False
) -> tuple[Run, TrainingHistory]:
    run, training, validation = set_up(folder, config)
    return run, fit(run, training, validation, config, console=QUIET, resume=resume)


def test_it_learns_what_can_be_learnt(tmp_path: Path) -> None:
    config = replace(CONFIG, epochs=20, min_steps=30)
    run, history = train(tmp_path, config)
    assert history.best is not None
    assert history.best.valid_accuracy == 1
    _, _, validation = set_up(tmp_path / "other", config)
    _, accuracy = validate(run.load_model(), validation.in_order())
    assert accuracy == 1


PUBLISHED = replace(
    CONFIG,
    optimizer="sgd",
    embedding_lr_scale=8.0,
    l2_penalty=5e-4,
    clip_norm_per_parameter=0.1,
    targets="sampled",
)


AVERAGED = replace(CONFIG, average_epochs=0.7)


@pytest.mark.parametrize(
    ("after", "config"), [(1, CONFIG), (3, CONFIG), (2, PUBLISHED), (2, AVERAGED)]
)
def test_interrupted_and_resumed_is_as_good_as_unbroken(
    tmp_path: Path, after: int, config: TrainConfig
) -> None:
    run, unbroken = train(tmp_path / "unbroken", config)
    # The schedule depends on the number of epochs, so that stays; stop after some of them.
    broken, training, validation = set_up(tmp_path / "broken", config)
    stopping = Interrupting(broken, after)
    with pytest.raises(KeyboardInterrupt):
        fit(stopping, training, validation, config, console=QUIET)
    assert len(read_history(broken).epochs) == after
    _, resumed = train(tmp_path / "broken", config, resume=True)
    for ours, theirs in zip(resumed.epochs, unbroken.epochs, strict=True):
        assert (ours.step, ours.train_loss, ours.valid_loss) == (
            theirs.step,
            theirs.train_loss,
            theirs.valid_loss,
        )
    for which in ("best", "last"):
        weights = run.load_model(which).state_dict()
        for name, tensor in broken.load_model(which).state_dict().items():
            assert torch.equal(tensor, weights[name]), name


class Interrupting(Run):
    """A run that is interrupted as soon as so many epochs are written."""

    def __new__(cls, run: Run, after: int) -> Interrupting:
        return object.__new__(cls)

    def __init__(self, run: Run, after: int) -> None:
        object.__setattr__(self, "after", after)
        for name in ("folder", "config", "words", "answers", "floors", "features"):
            object.__setattr__(self, name, getattr(run, name))

    def save_progress(self, *arguments: object) -> None:
        super().save_progress(*arguments)  # type: ignore[arg-type]
        if len(read_history(self).epochs) == self.__dict__["after"]:
            raise KeyboardInterrupt


class Pressing(Batches):
    """Batches during one of which somebody presses Ctrl-C."""

    at = -1

    def _batch(self, *arguments: Any) -> Batch:
        Pressing.at -= 1
        if Pressing.at == 0:
            signal.raise_signal(signal.SIGINT)
        return super()._batch(*arguments)


FLIPPED = replace(CONFIG, flips=0.5, region_dropout=0.3, word_dropout=0.2)


@pytest.mark.parametrize(
    ("at", "config"),
    [
        *((at, config) for at in (1, 14, 20, 21, 55) for config in (CONFIG, PUBLISHED, FLIPPED)),
        *((at, AVERAGED) for at in (14, 21)),
    ],
)
def test_stopped_within_an_epoch_and_resumed_is_as_good_as_unbroken(
    tmp_path: Path, at: int, config: TrainConfig
) -> None:
    """Whole epochs are ten steps, then six batches of validation."""
    run, unbroken = train(tmp_path / "unbroken", config)
    broken, training, validation = set_up(tmp_path / "broken", config)
    for batches in (training, validation):
        batches.__class__ = Pressing
    Pressing.at = at
    with pytest.raises(KeyboardInterrupt):
        fit(broken, training, validation, config, console=QUIET)
    progress = read_progress(broken)
    epochs, step = divmod(at - 1, 16)
    assert progress.within is not None
    assert (len(progress.history.epochs), progress.within.step) == (epochs, min(step + 1, 10))
    assert broken.load_model("last")  # what is kept is whole
    _, resumed = train(tmp_path / "broken", config, resume=True)
    assert [replace_struct(e, seconds=0, questions_per_second=0) for e in resumed.epochs] == [
        replace_struct(e, seconds=0, questions_per_second=0) for e in unbroken.epochs
    ]
    for name in ("best", "last"):
        ours, theirs = (each.load_model(name).state_dict() for each in (broken, run))
        assert all(torch.equal(ours[key], theirs[key]) for key in theirs)
    best = [each.folder / "best.safetensors" for each in (broken, run)]
    assert best[0].read_bytes() == best[1].read_bytes()
    moments = [load_file(each.folder / "last.safetensors") for each in (broken, run)]
    assert moments[0].keys() == moments[1].keys()
    assert all(torch.equal(moments[0][key], moments[1][key]) for key in moments[0])


def test_a_long_epoch_is_kept_by_minutes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed without a word, a training goes on from the last checkpoint within its epoch."""

    class Killed(BaseException):
        pass

    kept: list[int] = []

    def save(*arguments: Any) -> None:
        save_checkpoint(*arguments)
        kept.append(arguments[4].step if len(arguments) > 4 else 0)
        if kept[-1] == 8:
            raise Killed

    # Every reading of the clock is half a minute later.
    ticks = itertools.count(0, 30)
    monkeypatch.setattr("askattend.training.loop.save_checkpoint", save)
    slow = partial(Timer, clock=lambda: float(next(ticks)))
    monkeypatch.setattr("askattend.training.loop.Timer", slow)
    config = replace(CONFIG, checkpoint_minutes=1)
    with pytest.raises(Killed):
        train(tmp_path / "killed", config)
    assert kept == [2, 4, 6, 8]
    monkeypatch.undo()
    run, _ = train(tmp_path / "killed", config, resume=True)
    other, _ = train(tmp_path / "unbroken", replace(config, checkpoint_minutes=0))
    files = [each.folder / "best.safetensors" for each in (run, other)]
    assert files[0].read_bytes() == files[1].read_bytes()


def test_pressing_twice_stops_at_once() -> None:
    interruption = Interruption()
    with interruption.put_off():
        signal.raise_signal(signal.SIGINT)
        assert interruption.asked
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_the_weights_that_are_kept_are_those_that_were_judged(tmp_path: Path) -> None:
    run, history = train(tmp_path, AVERAGED)
    _, _, validation = set_up(tmp_path / "other", AVERAGED)
    assert history.best is not None
    loss, accuracy = validate(run.load_model("best"), validation.in_order())
    assert (loss, accuracy) == (history.best.valid_loss, history.best.valid_accuracy)
    ours, last = (run.load_model(which).state_dict() for which in ("best", "last"))
    assert any(not torch.equal(ours[name], last[name]) for name in last)


def test_the_same_seed_gives_the_same_weights(tmp_path: Path) -> None:
    first, _ = train(tmp_path / "a", CONFIG)
    again, _ = train(tmp_path / "b", CONFIG)
    other, _ = train(tmp_path / "c", replace(CONFIG, seed=1))
    weights = [run.load_model("last").state_dict() for run in (first, again, other)]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
    assert not all(torch.equal(weights[0][name], weights[2][name]) for name in weights[0])


def test_log_has_a_row_an_epoch(tmp_path: Path) -> None:
    run, history = train(tmp_path, CONFIG)
    with (run.folder / "log.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [int(row["epoch"]) for row in rows] == [1, 2, 3, 4]
    assert float(rows[-1]["valid_accuracy"]) == history.epochs[-1].valid_accuracy
    assert any((run.folder / "tensorboard").iterdir())


def test_whoever_watches_the_epochs_can_end_the_training(tmp_path: Path) -> None:
    run, training, validation = set_up(tmp_path, CONFIG)
    seen = []

    def stop_after_two(history: TrainingHistory) -> None:
        seen.append(len(history.epochs))
        if len(seen) == 2:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        fit(run, training, validation, CONFIG, console=QUIET, after_epoch=stop_after_two)
    assert seen == [1, 2]
    assert len(read_history(run).epochs) == 2
