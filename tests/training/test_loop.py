"""The loop: it learns, stops, and goes on as if it had never been interrupted."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from rich.console import Console
from torch import Tensor

from askattend.batching.batches import Batches
from askattend.data.questions import QASet, Question
from askattend.data.vocab import AnswerVocab, WordVocab
from askattend.devices import pick_device
from askattend.errors import ConfigError, RunError
from askattend.features.spec import FeatureSpec
from askattend.metrics.floors import Floors
from askattend.runs.run_folder import Run
from askattend.settings import from_mapping
from askattend.training.config import TrainConfig
from askattend.training.history import Epoch, Progression, read_progression
from askattend.training.loop import fit, validate
from askattend.training.step import learning_rate, make_optimizer, train_step

QUIET = Console(quiet=True)
SPEC = FeatureSpec("made", "0" * 16, 64, (0.5,) * 3, (0.5,) * 3, 2, 2, 8, "float32")
TABLES = {
    "network": "saaa",
    "model": {
        "embedding_dim": 8,
        "question_dim": 8,
        "attention_dim": 8,
        "hidden_dim": 16,
        "dropout": 0.1,
    },
}


class PlaceAndKind:
    """Images whose place and kind stand in two of their regions."""

    def read(self, image_ids: Sequence[str]) -> Tensor:
        regions = torch.zeros(len(image_ids), 4, 8)
        for row, image in enumerate(image_ids):
            regions[row, 0, int(image) % 3] = 1
            regions[row, 1, 3 + int(image) % 4] = 1
        return regions


def questions(count: int = 48) -> QASet:
    asked = [
        Question(i, str(i % 12), ("which", "where")[i % 2], ((answer(i), 1),), "train")
        for i in range(count)
    ]
    return QASet("made", tuple(asked), {str(i): Path(str(i)) for i in range(12)})


def answer(i: int) -> str:
    image = i % 12
    return f"place {image % 4}" if i % 2 else f"kind {image % 3}"


def set_up(folder: Path, config: TrainConfig) -> tuple[Run, Batches, Batches]:
    asked = questions()
    words = WordVocab.build(q.text for q in asked)
    answers = AnswerVocab.build(asked)
    run = Run(folder, TABLES, words, answers, Floors.build(asked), SPEC)
    run.save()
    made = [
        Batches(asked, PlaceAndKind(), words, answers, batch_size=config.batch_size)
        for _ in range(2)
    ]
    return run, made[0], made[1]


CONFIG = TrainConfig(epochs=4, batch_size=8, min_steps=10, learning_rate=1e-2)


def train(folder: Path, config: TrainConfig, *, resume: bool = False) -> tuple[Run, Progression]:
    run, training, validation = set_up(folder, config)
    return run, fit(run, training, validation, config, console=QUIET, resume=resume)


def test_it_learns_what_can_be_learnt(tmp_path: Path) -> None:
    config = replace(CONFIG, epochs=20, min_steps=30)
    run, progression = train(tmp_path, config)
    assert progression.best is not None
    assert progression.best.valid_accuracy == 1
    _, _, validation = set_up(tmp_path / "other", config)
    _, accuracy = validate(run.load_model(), validation.in_order())
    assert accuracy == 1


PUBLISHED = replace(
    CONFIG, optimizer="sgd", embedding_rate=8.0, penalty=5e-4, clip_each=0.1, targets="drawn"
)


@pytest.mark.parametrize(("after", "config"), [(1, CONFIG), (3, CONFIG), (2, PUBLISHED)])
def test_interrupted_and_resumed_is_as_good_as_unbroken(
    tmp_path: Path, after: int, config: TrainConfig
) -> None:
    run, unbroken = train(tmp_path / "unbroken", config)
    # The schedule depends on the number of epochs, so that stays; stop after some of them.
    broken, training, validation = set_up(tmp_path / "broken", config)
    stopping = Interrupting(broken, after)
    with pytest.raises(KeyboardInterrupt):
        fit(stopping, training, validation, config, console=QUIET)
    assert len(read_progression(broken).history) == after
    _, resumed = train(tmp_path / "broken", config, resume=True)
    for ours, theirs in zip(resumed.history, unbroken.history, strict=True):
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
        if len(read_progression(self).history) == self.__dict__["after"]:
            raise KeyboardInterrupt


def test_the_same_seed_gives_the_same_weights(tmp_path: Path) -> None:
    first, _ = train(tmp_path / "a", CONFIG)
    again, _ = train(tmp_path / "b", CONFIG)
    other, _ = train(tmp_path / "c", replace(CONFIG, seed=1))
    weights = [run.load_model("last").state_dict() for run in (first, again, other)]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
    assert not all(torch.equal(weights[0][name], weights[2][name]) for name in weights[0])


def test_log_has_a_row_an_epoch(tmp_path: Path) -> None:
    run, progression = train(tmp_path, CONFIG)
    with (run.folder / "log.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [int(row["epoch"]) for row in rows] == [1, 2, 3, 4]
    assert float(rows[-1]["valid_accuracy"]) == progression.history[-1].valid_accuracy
    assert any((run.folder / "tensorboard").iterdir())


def epoch(number: int, accuracy: float, loss: float = 1.0) -> Epoch:
    return Epoch(number, number, 1e-3, 1.0, loss, accuracy, 1.0, 1.0)


def test_the_best_epoch_has_the_highest_accuracy_then_the_lowest_loss() -> None:
    history = (epoch(1, 0.5), epoch(2, 0.7, 2.0), epoch(3, 0.7, 1.5), epoch(4, 0.6, 0.1))
    assert Progression(history).best is history[2]


def test_patience_ends_training() -> None:
    history = tuple(epoch(n, accuracy) for n, accuracy in enumerate((0.5, 0.4, 0.4), 1))
    assert Progression(history).finished(epochs=30, patience=2)
    assert not Progression(history).finished(epochs=30, patience=3)
    assert not Progression(history).finished(epochs=30, patience=0)
    assert Progression(history).finished(epochs=3, patience=0)


def test_patience_does_not_wait_for_the_loss() -> None:
    history = tuple(epoch(n, 1.0, 1 / n) for n in range(1, 4))
    assert Progression(history).best is history[-1]
    assert Progression(history).finished(epochs=30, patience=2)


def test_learning_rate_halves_and_anneals() -> None:
    halving = TrainConfig(learning_rate=1.0, half_life=10)
    assert learning_rate(halving, 0, 100) == 1
    assert learning_rate(halving, 20, 100) == pytest.approx(0.25)
    cosine = TrainConfig(learning_rate=1.0, half_life=0, final_fraction=0.1)
    assert learning_rate(cosine, 0, 101) == 1
    assert learning_rate(cosine, 50, 101) == pytest.approx(0.55)
    assert learning_rate(cosine, 100, 101) == pytest.approx(0.1)


def test_clipping_bounds_the_step(tmp_path: Path) -> None:
    # Under plain Adam the norm's scale cancels, so look at the gradients that are left behind.
    run, training, _ = set_up(tmp_path, CONFIG)
    model = run.new_model()
    batch = next(training.shuffled(0))
    for setting in ("clip_norm", "clip_each"):
        config = from_mapping(TrainConfig, {setting: 1e-3}, where="here")
        train_step(model, make_optimizer(model, config), batch, config, rate=0.0)
        norms = torch.stack([p.grad.norm() for p in model.parameters() if p.grad is not None])
        norm = norms.norm() if setting == "clip_norm" else norms.max()
        assert norm.item() == pytest.approx(1e-3, rel=1e-3)


def test_settings_out_of_range_are_refused() -> None:
    with pytest.raises(ConfigError, match="epochs = 0: expected int >= 1"):
        TrainConfig(epochs=0)
    with pytest.raises(ConfigError, match="sampling = 'alphabetical'"):
        from_mapping(TrainConfig, {"sampling": "alphabetical"}, where="here")
    with pytest.raises(ConfigError, match="cannot compute on 'abacus'"):
        pick_device("abacus")


def test_damaged_weights_are_named(tmp_path: Path) -> None:
    run, _ = train(tmp_path, replace(CONFIG, epochs=1))
    best = tmp_path / "best.safetensors"
    best.write_bytes(best.read_bytes()[:100])
    with pytest.raises(RunError, match=r"best\.safetensors: unreadable"):
        run.load_model()
    best.unlink()
    with pytest.raises(RunError, match=r"best\.safetensors: missing"):
        run.load_model()


def test_weights_of_another_shape_are_named(tmp_path: Path) -> None:
    run, _ = train(tmp_path, replace(CONFIG, epochs=1))
    wider = replace(run, features=replace(SPEC, region_dim=9))
    with pytest.raises(RunError, match=r"'attention\.region\.weight' has shape \[8, 8\]"):
        wider.load_model()
