"""How good a run is in a few figures: of its test split, or else of what there is."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from accepted import accept_evaluation
from askattend.environment.packing import pack
from askattend.evaluation.evaluate import read_metrics
from askattend.files import remove
from askattend.report.quality import FloorQuality, Quality, quality_of
from measured import write_evaluation

WORDS = FloorQuality("first words", 0.5, (0.4, 0.6))


@pytest.fixture
def run(own: Path) -> Path:
    """A run that was never evaluated."""
    return own / "runs" / "saaa"


def test_it_is_that_of_the_test_split(run: Path) -> None:
    write_evaluation(run, "train", accuracy=0.99)
    write_evaluation(run, "test")
    write_evaluation(run, "birds-1a2b3c-test", split="test", accuracy=0.3)
    wanted = Quality("table:squares.csv", "test", 40, "exact match", 0.9, (0.8, 0.96), (WORDS,))
    assert quality_of(run) == wanted
    packed = run.with_name("packed.zip")
    pack(run, packed)
    assert quality_of(packed) == wanted


@pytest.mark.parametrize("given", [{"accuracy": None}, {"run": "another's"}, "damaged"])
def test_an_evaluation_that_tells_nothing_is_passed_over(run: Path, given: object) -> None:
    write_evaluation(run, "test", **(given if isinstance(given, dict) else {}))
    if given == "damaged":
        (run / "evaluations" / "test" / "metrics.json").write_text("{")
    write_evaluation(run, "valid", accuracy=0.7)
    found = quality_of(run)
    assert found is not None
    assert (found.split, found.accuracy) == ("valid", 0.7)


def test_of_a_run_that_was_never_evaluated_it_is_the_trainings(run: Path) -> None:
    summary = json.loads((run / "metrics.json").read_text())
    found = quality_of(run)
    assert found is not None
    assert (found.split, found.interval) == ("valid", None)
    assert found.accuracy == summary["valid_accuracy"]
    assert found.questions == summary["data"]["valid"]["questions"]
    assert [floor.name for floor in found.floors] == [
        floor["name"] for floor in summary["floors"].values()
    ]


def test_of_a_run_that_was_trained_elsewhere_nothing_is_known(run: Path) -> None:
    remove(run / "metrics.json")
    assert quality_of(run) is None


def test_an_evaluation_of_an_imported_run_has_no_floors(run: Path) -> None:
    write_evaluation(run, "test", floors=None)
    found = quality_of(run)
    assert found is not None
    assert found.floors == ()


def test_older_figures_can_be_read(run: Path) -> None:
    """Of an evaluation in which every answer counted as sure or not."""
    write_evaluation(run, "test")
    file = run / "evaluations" / "test" / "metrics.json"
    row = {"unknown": 0.0, "accuracy": 1.0, "interval": [0.9, 1.0], "probability": 0.9}
    told = {"unknown_words": {"questions": 4, "slope": None, "rows": [{**row, "sure": 1.0}]}}
    file.write_bytes(msgspec.json.encode(json.loads(file.read_text()) | told))
    accept_evaluation(file.parent)
    assert read_metrics(file).figures == told
