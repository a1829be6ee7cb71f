"""Saying "not sure" on a split."""

from __future__ import annotations

import pytest

from askattend.evaluation.figures import abstention
from askattend.evaluation.section import Note, TerminalLine
from askattend.metrics.calibration import Abstention, Calibration, RiskCoveragePoint
from evaluation.evaluations import CONTEXT, evaluated, question
from small_questions import make_qaset

CURVE = (RiskCoveragePoint(0.7, 0.4, 0.1), RiskCoveragePoint(0.1, 1.0, 0.5))
QUESTIONS = make_qaset(question(0), question(1), question(2, None), question(3))
SURE = [0.9, 0.6, 0.9, 0.8]


def test_a_risk_is_kept_by_the_threshold_of_validation() -> None:
    calibration = Calibration(1.0, 9, CURVE, abstain_above_risk=0.2)
    said = ["yes", "no", "no", "no"]
    value = abstention.measure(
        evaluated(QUESTIONS, said, probabilities=SURE, calibration=calibration)
    )
    assert value == Abstention(0.2, 0.7, 2 / 3, 0.5, 0.4)
    note = "   (from a probability of 70.00%; of validation 40.00%)"
    assert abstention.terminal_lines(value) == [
        TerminalLine("answered, 20.0% of them wrong at most", value.coverage, note),
        TerminalLine("  wrong among those", 0.5),
    ]
    section = abstention.page_section(value, CONTEXT)
    assert section.title == "How sure it is"
    (block,) = section.blocks
    assert isinstance(block, Note)
    assert '`ask` says "not sure" below a probability of 70.0%' in block.text


@pytest.mark.parametrize(
    ("value", "terminal", "page"),
    [
        (Abstention(0.05, 1.1, 0.0, None, 0.0), "(no probability is enough", "no probability was"),
        (Abstention(0.5, 0.0, 1.0, 0.4, 1.0), "(with any", "need never be unsure"),
    ],
)
def test_the_ends(value: Abstention, terminal: str, page: str) -> None:
    lines = abstention.terminal_lines(value)
    assert terminal in lines[0].note
    assert len(lines) == 1 + (value.achieved_risk is not None)
    (block,) = abstention.page_section(value, CONTEXT).blocks
    assert isinstance(block, Note)
    assert page in block.text


@pytest.mark.parametrize("calibration", [None, Calibration(1.0, 9, CURVE)])
def test_without_a_risk_there_is_no_abstaining(calibration: Calibration | None) -> None:
    assert abstention.measure(evaluated(QUESTIONS, ["yes"] * 4, calibration=calibration)) is None


def test_without_answers_there_is_nothing_to_measure() -> None:
    calibration = Calibration(1.0, 9, CURVE, abstain_above_risk=0.2)
    unanswered = evaluated(make_qaset(question(0, None)), ["yes"], calibration=calibration)
    assert abstention.measure(unanswered) is None
