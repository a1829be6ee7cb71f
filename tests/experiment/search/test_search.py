"""Whole searches on small coloured squares, by a clock that ticks when it is looked at."""

from __future__ import annotations

import csv
import io
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from PIL import Image
from rich.console import Console

from accepted import accept_run
from askattend.errors import AskAttendError, RunError
from askattend.experiment.config import Config, VocabConfig
from askattend.experiment.evaluate import EvaluationOptions, evaluate_run
from askattend.experiment.search import trainer
from askattend.experiment.search.halving import rungs_for
from askattend.experiment.search.search import search
from askattend.experiment.search.standings import csv_bytes, live_standings, standings
from askattend.experiment.search.trials import STATE, Trials
from askattend.features.extraction import ExtractConfig
from askattend.models import QuestionOnlyConfig, SAAAConfig, SANConfig
from askattend.runs.run_folder import Run, read_config
from askattend.training.config import TrainConfig
from askattend.training.history import TrainingHistory, read_history
from askattend.training.loop import fit

COLOURS = ("red", "green", "blue")
SMALL: dict[str, Any] = {"embedding_dim": 8, "question_dim": 16, "attention_dim": 8}
SAAA = SAAAConfig(**SMALL, hidden_dim=16)
QUESTIONS = QuestionOnlyConfig(embedding_dim=8, question_dim=16, hidden_dim=16)
TRAIN = TrainConfig(epochs=3, batch_size=16, min_steps=2, learning_rate=1e-2)
QUIET = Console(quiet=True)


@dataclass
class Clock:
    """A second later at each look; interrupts at one of them."""

    looks: int = 0
    interrupt_at: int | None = None

    def __call__(self) -> float:
        self.looks += 1
        if self.looks == self.interrupt_at:
            raise KeyboardInterrupt
        return float(self.looks)


@pytest.fixture
def squares(tmp_path: Path) -> str:
    """A source of 26 squares; four more, to be tested on, are no pictures at all."""
    rows = ["image,question,answer,split"]
    for number in range(30):
        colour, split = COLOURS[number % 3], "test" if number >= 26 else "train"
        file = tmp_path / f"{number}.png"
        Image.new("RGB", (40, 40), colour).save(file)
        if split == "test":
            file.write_text("whoever looks at it complains")
        rows.append(f"{number}.png,what colour is it?,{colour},{split}")
        rows.append(f"{number}.png,is it red?,{'yes' if colour == 'red' else 'no'},{split}")
    (tmp_path / "squares.csv").write_text("\n".join(rows) + "\n")
    return f"table:{tmp_path / 'squares.csv'}"


def config(source: str, model: Any = QUESTIONS, **changes: Any) -> Config[Any]:
    settings = {"data": source, "extract": ExtractConfig(image_size=32), "train": TRAIN}
    return Config(model, **{**settings, **changes})


def test_a_search_leaves_a_run_its_table_and_picture(squares: str, tmp_path: Path) -> None:
    out, console = tmp_path / "runs" / "found", Console(file=io.StringIO(), width=200)
    # By this seed, the first candidate drawn has finer features.
    train = replace(TRAIN, seed=21)
    also = [config(squares, SANConfig(**SMALL), train=train)]
    first = config(squares, SAAA, train=train)
    run = search(first, out, seconds=60, console=console, also=also, clock=Clock())
    trials, rungs = Trials.load(out), rungs_for(3)
    found = standings(trials, rungs)
    assert {s.rung for s in found if s.candidate == 0} == {0, 1, 2}
    # The winner's settings in full, on the training split, and a run as any other.
    winner = trials.candidates.index(dict(run.config))
    rung = max(s.rung for s in found if s.candidate == winner and s.complete)
    reached = {s.candidate: s.accuracy for s in found if s.rung == rung and s.complete}
    assert reached[winner] == max(reached.values())
    assert 0 in reached
    assert len(read_history(run).epochs) == run.config["train"]["epochs"]
    valid = evaluate_run(out, EvaluationOptions(split="valid"), console=QUIET).metrics
    saved = json.loads((out / "metrics.json").read_text())
    assert saved["valid_accuracy"] == valid.accuracy
    rows = list(csv.DictReader(io.StringIO((out / "search.csv").read_text())))
    assert {row["network"] for row in rows} == {"saaa", "san"}
    assert {row["strides"] for row in rows} == {"last", "16+32"}
    for row, standing in zip(rows, found, strict=False):
        folds = [float(row[f"fold_{n}"]) for n in (1, 2, 3) if row[f"fold_{n}"]]
        assert folds == pytest.approx(standing.accuracies, abs=1e-6)
        assert float(row["accuracy"]) == pytest.approx(sum(folds) / len(folds), abs=1e-6)
    with Image.open(out / "search.png") as picture:
        assert picture.format == "PNG"
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "validated on 3 folds by image of 52 questions" in text
    assert "beside the recipe's" in text
    assert not list((tmp_path / "runs").glob(".found*"))


def test_an_interrupted_search_goes_on(squares: str, tmp_path: Path) -> None:
    out, settings = tmp_path / "run", config(squares)
    every: dict[str, Any] = {"seconds": 60, "console": QUIET}
    with pytest.raises(KeyboardInterrupt):
        search(settings, out, **every, clock=Clock(interrupt_at=40))
    before = Trials.load(out)
    assert before.results
    assert 25 < before.spent <= 40
    with pytest.raises(RunError, match="holds a search already"):
        search(settings, out, **every)
    other = config(squares, train=replace(TRAIN, seed=5))
    with pytest.raises(RunError, match="begun with other data or settings"):
        search(other, out, **every, resume=True)
    search(settings, out, **every, resume=True, clock=Clock())
    after = Trials.load(out)
    assert after.results[: len(before.results)] == before.results
    assert before.spent < after.spent < 75
    keys = [(r.candidate, r.epochs, r.fold) for r in after.results]
    assert len(keys) == len({*keys})
    assert read_history(Run.load(out)).epochs


def test_a_search_in_a_moved_folder_goes_on(squares: str, tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    beside = Path(squares.removeprefix("table:")).parent
    shutil.copytree(beside, here / "data", ignore=shutil.ignore_patterns("here"))
    name = Path(squares).name
    out, settings = here / "run", config(f"table:{here / 'data' / name}")
    with pytest.raises(KeyboardInterrupt):
        search(settings, out, seconds=60, console=QUIET, clock=Clock(interrupt_at=40))
    before = Trials.load(out)
    here.rename(there)
    moved = config(f"table:{there / 'data' / name}")
    run = search(moved, there / "run", seconds=60, console=QUIET, resume=True, clock=Clock())
    after = Trials.load(there / "run")
    assert after.results[: len(before.results)] == before.results
    assert str(here) not in (there / "run" / "config.toml").read_text()
    # And once more, where the last training is all that is left.
    for weights in ("last.safetensors", "best.safetensors"):
        (run.folder / weights).unlink()
    accept_run(run.folder)
    there.rename(here)
    run = search(settings, out, seconds=60, console=QUIET, resume=True)
    assert (run.folder / "best.safetensors").exists()
    # Other questions of the same name are refused.
    (out / "config.toml").unlink()
    text = (here / "data" / name).read_text()
    (here / "data" / name).write_text(text.replace("is it red?", "is it so red?"))
    with pytest.raises(RunError, match="begun with other data or settings"):
        search(settings, out, seconds=60, console=QUIET, resume=True)


def test_the_last_training_is_gone_on_with(squares: str, tmp_path: Path) -> None:
    out, settings = tmp_path / "run", config(squares)
    search(settings, out, seconds=30, console=QUIET, clock=Clock())
    (out / "last.safetensors").unlink()
    (out / "best.safetensors").unlink()
    accept_run(out)
    before = read_config(out)
    with pytest.raises(RunError, match="holds a run already"):
        search(settings, out, seconds=30, console=QUIET)
    run = search(settings, out, seconds=30, console=QUIET, resume=True)
    assert read_config(out) == before
    assert (out / "best.safetensors").exists()
    assert len(read_history(run).epochs) == before["train"]["epochs"]


def test_what_somebody_asked_for_stays(squares: str, tmp_path: Path) -> None:
    def on_top(any_: Config[Any]) -> Config[Any]:
        train = replace(any_.train, learning_rate=0.02, epochs=2, min_steps=2)
        return replace(any_, train=train, model=replace(any_.model, question_dim=6))

    out = tmp_path / "run"
    auto = config(squares, recipe="auto")
    search(auto, out, seconds=60, console=QUIET, on_top=on_top, clock=Clock())
    candidates = Trials.load(out).candidates
    assert len(candidates) > 3
    assert {c["train"]["learning_rate"] for c in candidates} == {0.02}
    assert {c["model"]["question_dim"] for c in candidates} == {6}
    assert {c["recipe"] for c in candidates} == {"small"}
    assert len({c["train"]["batch_size"] for c in candidates}) > 1


def test_a_candidate_that_diverges_is_given_up(
    squares: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fit_or_fail(run: Run, *rest: Any, **more: Any) -> TrainingHistory:
        if run.config["model"] != msgspec.to_builtins(QUESTIONS):
            raise RunError("the loss is not finite")
        return fit(run, *rest, **more)

    monkeypatch.setattr(trainer, "fit", fit_or_fail)
    out = tmp_path / "run"
    run = search(config(squares), out, seconds=50, console=QUIET, clock=Clock())
    trials = Trials.load(out)
    failed = [r for r in trials.results if r.why]
    assert failed
    assert all(trials.given_up(r.candidate) for r in failed)
    assert run.config["model"] == msgspec.to_builtins(QUESTIONS)
    rows = list(csv.DictReader(io.StringIO(csv_bytes(trials, rungs_for(3)).decode())))
    assert [row["given_up"] for row in rows if row["given_up"]] == [r.why for r in failed]
    assert {r.why for r in failed} == {"the loss is not finite."}


@pytest.mark.parametrize(
    ("changes", "more", "message"),
    [
        ({}, {"seconds": 5}, "too little for a single run, which takes "),
        ({}, {"folds": 27}, "26 images cannot be divided into 27 folds"),
        ({"data": "few"}, {}, "nothing is held back to choose by"),
    ],
)
def test_mistakes_leave_nothing(
    squares: str, tmp_path: Path, changes: dict[str, Any], more: dict[str, Any], message: str
) -> None:
    lines = Path(squares.removeprefix("table:")).read_text().splitlines()
    (tmp_path / "few.csv").write_text("\n".join(lines[:20]))
    if changes:
        changes = {"data": f"table:{tmp_path / 'few.csv'}"}
    options: dict[str, Any] = {"seconds": 100, "console": QUIET, "clock": Clock(), **more}
    with pytest.raises(AskAttendError, match=message):
        search(config(squares, **changes), tmp_path / "runs" / "x", **options)
    assert not [file for file in (tmp_path / "runs").rglob("*") if file.is_file()]


def test_the_live_table_follows(squares: str, tmp_path: Path) -> None:
    out = tmp_path / "run"
    search(config(squares), out, seconds=30, console=QUIET, clock=Clock())
    trials, text = Trials.load(out), io.StringIO()
    console = Console(file=text, force_terminal=True, width=120)
    with live_standings(trials, rungs_for(3), console) as show:
        show("0: fold 2, epoch 1 of 3", None)
    assert "0: fold 2, epoch 1 of 3" in text.getvalue()
    assert "rung 3" in text.getvalue()


@pytest.mark.parametrize("spoil", [lambda s: s[:50], lambda s: s.replace('"spent"', '"spnt"')])
def test_a_spoilt_file_is_named(squares: str, tmp_path: Path, spoil: Callable[[str], str]) -> None:
    out = tmp_path / "run"
    out.mkdir()
    state = Trials(60, 3, [config(squares).tables()], [0])
    state.save(out)
    assert Trials.load(out) == state
    file = out / STATE
    file.write_text(spoil(file.read_text()))
    accept_run(out)
    with pytest.raises(RunError, match=f"{STATE}: unreadable .*Delete it to search anew"):
        search(config(squares), out, seconds=60, console=QUIET, resume=True)


def test_the_splits_of_a_source_are_kept(squares: str, tmp_path: Path) -> None:
    """With one fold, what a search found is what the run comes to."""
    out = tmp_path / "run"
    settings = config(squares, vocab=VocabConfig(valid_fraction=0.3))
    run = search(settings, out, seconds=60, console=QUIET, folds=1, clock=Clock())
    trials = Trials.load(out)
    (best,) = {s.accuracy for s in standings(trials, rungs_for(1))[:1]}
    top = [r for r in trials.results if r.epochs == run.config["train"]["epochs"]]
    assert read_history(run).best.valid_accuracy in {r.accuracy for r in top}  # type: ignore[union-attr]
    assert best in {r.accuracy for r in top}
