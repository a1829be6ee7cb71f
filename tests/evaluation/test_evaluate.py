"""One pass over a split: its metrics, and the files that it leaves."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from rich.console import Console

from askattend.data.questions import QASet
from askattend.errors import DataError
from askattend.evaluation.evaluate import Evaluation, Metrics, evaluate
from askattend.evaluation.figures import all_figures, by_answer_type
from askattend.metrics.calibration import Calibration
from askattend.metrics.scored_answer import ScoredAnswer
from evaluation.evaluations import batches, predictor, question
from small_questions import make_qaset

QUIET = Console(quiet=True)
BOX = (0.0, 0.0, 0.5, 1.0)


def evaluated(questions: QASet, calibration: Calibration | None = None) -> Evaluation:
    some = batches(questions)
    return evaluate(predictor(), some, some, all_figures(), "test", calibration, console=QUIET)


def test_the_headline() -> None:
    some = [question(0), question(1, "no"), question(2, "blue"), question(3, None)]
    metrics = evaluated(make_qaset(*some)).metrics
    assert (metrics.questions, metrics.metric) == (4, "exact match")
    right = [float(one.score or 0) for one in evaluated(make_qaset(*some)).predictions[:3]]
    assert metrics.accuracy is not None
    assert metrics.accuracy == pytest.approx(sum(right) / 3)
    assert metrics.interval is not None
    assert metrics.interval[0] <= metrics.accuracy <= metrics.interval[1]
    assert metrics.floors is not None
    assert set(metrics.floors) == {"majority", "prefix"}
    floors = [floor.accuracy for floor in metrics.floors.values()]
    bounds = (*floors, metrics.coverage, metrics.ceiling)
    assert bounds == pytest.approx((1 / 3, 1 / 3, 2 / 3, 2 / 3))
    assert [f.ahead for f in metrics.floors.values()] == pytest.approx(
        [metrics.accuracy - 1 / 3] * 2
    )


def test_a_split_without_answers_has_figures_that_need_none() -> None:
    metrics = evaluated(make_qaset(question(0, None, boxes=(BOX,)), question(1, None))).metrics
    told = metrics.flat()
    headline = ("metric", "accuracy", "interval", "floors", "coverage", "ceiling")
    assert [told[name] for name in headline] == [None] * 6
    assert [told[name] for name in ("reliability", "abstention", "pairs")] == [None] * 3
    assert told["by_answer_type"] == told["by_question_length"] == {}
    assert told["grounding"].questions == 1
    assert told["removal"].questions == 2


def test_metrics_json_has_the_figures_beside_the_accuracy(tmp_path: Path) -> None:
    questions = make_qaset(question(0, answer_type="yes/no"), question(1))
    evaluation = evaluated(questions)
    evaluation.save(tmp_path / "test", questions)
    told = json.loads((tmp_path / "test" / "metrics.json").read_text())
    headline = ("source", "split", "questions", "metric", "accuracy", "interval", "floors")
    assert list(told) == [
        *headline,
        "verdict",
        "trust",
        "coverage",
        "ceiling",
        "made",
        "run",
        *all_figures(),
    ]
    value = evaluation.metrics.figures["by_answer_type"]
    (line,) = by_answer_type.terminal_lines(value)
    assert told["by_answer_type"]["yes/no"]["accuracy"] == line.value
    results = json.loads((tmp_path / "test" / "results.json").read_text())
    predictions = json.loads((tmp_path / "test" / "predictions.json").read_text())
    for result, prediction, one in zip(results, predictions, evaluation.predictions, strict=True):
        assert result == {"question_id": one.question_id, "answer": one.answer}
        assert prediction["score"] == one.score
        assert prediction["probability"] == one.probability


def test_an_evaluation_that_lacks_a_question_is_not_written(tmp_path: Path) -> None:
    predictions = (ScoredAnswer(0, "yes", 0.5, 1.0), ScoredAnswer(0, "no", 0.5, 0.0))
    evaluation = Evaluation(Metrics("a source", "test", 2), predictions)
    with pytest.raises(DataError, match="1 question id occurs more than once"):
        evaluation.save(tmp_path / "test", make_qaset(question(0), question(1)))
    assert not (tmp_path / "test").exists()
