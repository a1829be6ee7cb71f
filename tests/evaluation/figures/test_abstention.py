"""Saying "not sure" on a split."""

from __future__ import annotations

from dataclasses import replace

import pytest

from askattend.evaluation.figures import abstention
from askattend.evaluation.section import Note, TerminalLine
from askattend.metrics.abstention import Abstention
from askattend.metrics.calibration import Calibration
from askattend.metrics.risk_coverage import RiskCoveragePoint
from evaluation.evaluations import CONTEXT, evaluated, question
from small_questions import make_qaset

CURVE = (RiskCoveragePoint(0.7, 0.4, 0.1), RiskCoveragePoint(0.1, 1.0, 0.5))
QUESTIONS = make_qaset(question(0), question(1), question(2, None), question(3))
SURE = [0.9, 0.6, 0.9, 0.8]


def test_a_risk_is_kept_by_the_threshold_of_validation() -> None:
    calibration = Calibration(1.0, 200, CURVE, abstain_above_risk=0.2)
    said = ["yes", "no", "no", "no"]
    found = replace(
        evaluated(QUESTIONS, said, probabilities=SURE, calibration=calibration), in_sample=2
    )
    value = abstention.measure(found)
    assert value is not None
    assert value == Abstention(0.2, 0.7, 2 / 3, 2, 0.5, value.interval, 2, 0.4, 80, 200)
    chosen = "chosen on 80 validation questions above it, 40.0% of 200"
    first, second = abstention.terminal_lines(value)
    note = f"   (from a probability of 70.0%, {chosen})"
    assert first == TerminalLine("coverage at a risk of 20.0%", value.coverage, note)
    assert (second.label, second.value) == ("  wrong among those", 0.5)
    sample = "of 2; in-sample: the threshold was chosen on 2 of this split's questions"
    assert sample in second.note
    section = abstention.page_section(value, CONTEXT)
    assert section.title == "How sure it is"
    (block,) = section.blocks
    assert isinstance(block, Note)
    assert f'`ask` says "not sure" below a probability of 70.0%, {chosen}' in block.text
    assert "in-sample" in block.text


@pytest.mark.parametrize(
    ("value", "terminal", "page"),
    [
        (
            Abstention(0.05, 1.1, 0.0, 0, None, None, 0, 0.0, 0, 90),
            "(no probability is enough",
            "of no probability do the 90 validation",
        ),
        (
            Abstention(0.5, 0.0, 1.0, 9, 0.4, (0.2, 0.6), 0, 1.0, 90, 90),
            "(with any",
            "need never be unsure",
        ),
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
