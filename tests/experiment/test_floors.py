"""The floors of a training: printed before it, saved in the run, and held against it."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
from rich.console import Console

from askattend.data.readers.registry import read_source
from askattend.data.splits import training_splits
from askattend.evaluation.evaluate import Evaluation, Metrics
from askattend.evaluation.figures.without_image import Drop, WithoutImage
from askattend.experiment import floors
from askattend.experiment.evaluate import EvaluationOptions, evaluate_run
from askattend.experiment.floors import FloorAccuracy, floors_line, floors_remark, with_verdict
from askattend.experiment.train import train
from askattend.features.store import FeatureStore
from askattend.metrics.accuracy import accuracy_of
from askattend.metrics.floor_comparison import FloorComparison
from askattend.metrics.linear_floor import LinearFloor
from askattend.runs.linear_floors import LINEAR_FLOORS, load_linear_floors
from askattend.runs.run_folder import Run
from askattend.training.history import Epoch, TrainingHistory
from experiment.test_train import config, table

QUIET = Console(quiet=True)


def trained(folder: Path, network: str) -> tuple[Path, list[str]]:
    console = Console(file=io.StringIO(), width=300, soft_wrap=True)
    train(config(table(folder), network), folder / "runs" / network, console=console)
    printed = console.file
    assert isinstance(printed, io.StringIO)
    return folder / "runs" / network, printed.getvalue().splitlines()


def test_training_tells_its_floors_first_and_holds_its_best_epoch_against_them(
    tmp_path: Path,
) -> None:
    run, lines = trained(tmp_path, "saaa")
    told = json.loads((run / "metrics.json").read_text())
    (line,) = (line for line in lines if line.startswith("floors on validation: "))
    assert lines.index(line) < next(n for n, each in enumerate(lines) if "epoch   1" in each)
    splits = training_splits(read_source(f"table:{tmp_path / 'squares.csv'}"))
    (cache,) = (f for f in (tmp_path / "runs" / "features").iterdir() if f.is_dir())
    store, valid = FeatureStore.open(cache), splits.valid.questions
    for floor, sees in (("bag_of_words", None), ("bag_of_words_and_image", store)):
        answers = LinearFloor.fit(splits.train, sees).answer(valid, sees)
        scores = [accuracy_of(a, q.answers) for a, q in zip(answers, valid, strict=True)]
        accuracy = sum(scores) / len(scores)
        assert told["floors"][floor]["accuracy"] == pytest.approx(accuracy)
        assert f"{told['floors'][floor]['name']} {100 * accuracy:.1f} %" in line
    strongest = max(floor["accuracy"] for floor in told["floors"].values())
    beaten = told["valid_accuracy"] > strongest
    assert any("does not beat" in line for line in lines) != beaten


def test_a_resumed_training_keeps_its_floors(tmp_path: Path) -> None:
    run, lines = trained(tmp_path, "saaa")
    before = (run / LINEAR_FLOORS).stat().st_mtime_ns
    again = Console(file=io.StringIO(), width=300, soft_wrap=True)
    train(config(tmp_path / "squares.csv"), run, resume=True, console=again)
    assert isinstance(again.file, io.StringIO)
    (line,) = (line for line in lines if line.startswith("floors on validation: "))
    assert line in again.file.getvalue().splitlines()
    assert (run / LINEAR_FLOORS).stat().st_mtime_ns == before


def test_floors_teach_a_resumed_training_to_the_last_bit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of another layout in memory, products would be summed in another order."""
    layouts = []

    def note(run: Run, linear: tuple[LinearFloor, ...], *given: Any) -> dict[str, FloorAccuracy]:
        layouts.append([(f.weights.dtype, f.weights.strides, f.bias.dtype) for f in linear])
        return floors.floors_on_validation(run, linear, *given)

    monkeypatch.setattr("askattend.experiment.train.floors_on_validation", note)
    run, _ = trained(tmp_path, "image-only")
    train(config(tmp_path / "squares.csv", "image-only"), run, resume=True, console=QUIET)
    assert len(layouts[0]) == 2
    assert layouts[0] == layouts[1]


def test_a_network_that_sees_no_image_has_no_floor_that_does(tmp_path: Path) -> None:
    run, lines = trained(tmp_path, "question-only")
    assert [floor.key for floor in load_linear_floors(run)] == ["bag_of_words"]
    assert not any("image, " in line for line in lines if line.startswith("floors"))
    metrics = evaluate_run(run, EvaluationOptions(split="valid"), console=QUIET).metrics
    assert metrics.floors is not None
    assert list(metrics.floors) == ["majority", "prefix", "bag_of_words"]
    assert metrics.figures["without_image"] is None


def test_an_evaluation_has_the_fitted_floors_and_a_verdict(tmp_path: Path) -> None:
    run, _ = trained(tmp_path, "image-only")
    evaluation = evaluate_run(run, console=QUIET)
    told = json.loads((run / "evaluations" / "test" / "metrics.json").read_text())
    (words, both) = load_linear_floors(run)
    questions = read_source(f"table:{tmp_path / 'squares.csv'}").split("test").questions
    right = [a == q.answers[0][0] for a, q in zip(words.answer(questions), questions, strict=True)]
    assert told["floors"][words.key]["accuracy"] == pytest.approx(sum(right) / len(right))
    assert told["floors"][both.key]["ahead"] == pytest.approx(
        told["accuracy"] - told["floors"][both.key]["accuracy"]
    )
    unbeaten = [floor["name"] for floor in told["floors"].values() if not floor["beaten"]]
    assert unbeaten, "an image alone does not tell which of two questions was asked"
    assert told["verdict"] == evaluation.metrics.verdict
    which = "any" if len(unbeaten) == len(told["floors"]) else str(len(unbeaten))
    assert f"beyond chance, {which} of the" in told["verdict"]
    assert (
        told["verdict"].split(" (")[0] in (run / "evaluations" / "test" / "report.html").read_text()
    )
    assert 0 <= told["without_image"]["blank"]["accuracy"] <= 1


def history(accuracy: float) -> TrainingHistory:
    return TrainingHistory((Epoch(1, 10, 1e-3, 1.0, 1.0, accuracy, 1.0, 1.0),), "exact match")


FLOORS = {"a": FloorAccuracy("first words", 0.3), "b": FloorAccuracy("bag of words", 0.41)}


def test_the_line_of_floors() -> None:
    told = "first words 30.0 %, bag of words 41.0 %"
    assert floors_line(FLOORS, floors.MOST_VALIDATION) == f"floors on validation: {told}"
    some = f"floors on validation, 5,000 of its questions: {told}"
    assert floors_line(FLOORS, floors.MOST_VALIDATION + 1) == some


def test_of_many_validation_questions_floors_answer_some(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(floors, "MOST_VALIDATION", 3)
    _, lines = trained(tmp_path, "san")
    (line,) = (line for line in lines if line.startswith("floors on validation, 3 of its"))
    shares = {float(share) for share in re.findall(r"([0-9.]+) %", line)}
    assert shares <= {0.0, 33.3, 66.7, 100.0}


def test_a_training_that_loses_says_so(untrained: Run) -> None:
    assert floors_remark(untrained, history(0.42), FLOORS) is None
    lost = floors_remark(untrained, history(0.35), FLOORS)
    assert lost is not None
    assert "the best epoch, 35.0%, does not beat the floor bag of words, 41.0%: a guess" in lost
    assert "Tried: saaa, 1 epoch" in lost
    assert lost.endswith(floors.ADVICE)


@pytest.mark.parametrize(("drop", "seen"), [((-0.02, 0.05), False), ((0.01, 0.2), True)])
def test_a_verdict_says_that_pictures_are_not_needed(
    untrained: Run, drop: tuple[float, float], seen: bool
) -> None:
    """Beside the floors' verdict, or alone; what helps is said once."""
    blank = Drop(0.3, 0.1, drop)
    beaten = FloorComparison("words", 0.2, (0.1, 0.3), 0.2, (0.1, 0.3), beaten=True)
    for floor in (beaten, msgspec.structs.replace(beaten, beaten=False)):
        figures = {"without_image": WithoutImage(50, 0.4, blank, None)}
        metrics = Metrics("x", "test", 50, floors={"words": floor}, figures=figures)
        told = with_verdict(Evaluation(metrics, ()), untrained, history(0.4), None).metrics.verdict
        lines = [] if told is None else told.split("\n")
        kinds = [line.split(" ")[0] for line in lines]
        bad = ["This"] * (not floor.beaten) + ["Nothing"] * (not seen)
        assert kinds == [*bad, *["What"] * bool(bad)]
