"""What an evaluation leaves in a run folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from askattend.errors import DataError
from askattend.evaluation.evaluate import Evaluation, Metrics
from askattend.metrics.scored_answer import ScoredAnswer
from scoring.cases import make_question


def test_an_evaluation_that_lacks_a_question_is_not_written(tmp_path: Path) -> None:
    predictions = (ScoredAnswer(0, "yes", 0.5, 1.0), ScoredAnswer(0, "no", 0.5, 0.0))
    evaluation = Evaluation(Metrics("a source", "test", 2), predictions)
    with pytest.raises(DataError, match="1 question id occurs more than once"):
        evaluation.save(tmp_path / "test", [make_question(id=0), make_question(id=1)])
    assert not (tmp_path / "test").exists()
