"""What is said of answers that nobody judged, by what validation can show."""

from __future__ import annotations

import torch

from askattend.metrics.calibration import Calibration
from askattend.metrics.risk_coverage import RiskCoveragePoint
from askattend.runs.answer import Answer
from askattend.runs.judging import unjudged


def said(questions: int, wrong: float) -> str:
    curve = (RiskCoveragePoint(0.2, 1.0, wrong),) if questions else ()
    answer = Answer("what?", "lamp", 0.25, (("lamp", 0.25),), torch.ones(1, 1, 1))
    return unjudged([answer], Calibration(1.0, questions, curve))[0]


def test_a_risk_is_called_for_only_where_one_can_be_chosen() -> None:
    assert "no risk of being wrong was chosen (evaluate --abstain-above-risk 0." in said(300, 0.1)
    few = "as its 22 validation questions are too few, or too many of them answered wrongly"
    assert few in said(22, 0.75)
    assert "as its 4 validation questions are too few" in said(4, 0.0)
    assert "as there were no validation questions" in said(0, 0.0)
