"""Calibration on the page and in the terminal; its figures are held to loops in metrics' tests."""

from __future__ import annotations

from dataclasses import replace

import pytest

from askattend.evaluation.figures import reliability
from askattend.evaluation.section import Chart, Mark, Note, TerminalLine
from askattend.metrics.calibration import Abstention, Calibration, RiskCoveragePoint
from evaluation.evaluations import CONTEXT, evaluated, question
from small_questions import make_qaset

QUESTIONS = make_qaset(question(0), question(1), question(2, None), question(3))
CALIBRATION = Calibration(2.0, 9, (RiskCoveragePoint(0.1, 1.0, 0.5),))


def test_probabilities_of_scored_answers_are_measured() -> None:
    sure = [0.9, 0.6, 0.1, 0.7]
    said = ["yes", "no", "no", "no"]
    value = reliability.measure(
        evaluated(QUESTIONS, said, probabilities=sure, calibration=CALIBRATION)
    )
    assert value is not None
    assert value.temperature == 2.0
    # Each in a bin of its own: the mean distance of 0.9 from 1, 0.6 from 0 and 0.7 from 0.
    assert value.calibration_error == pytest.approx((0.1 + 0.6 + 0.7) / 3)
    assert value.untempered_error == pytest.approx((0.55 + 0.3 + 0.35) / 3)
    assert [(p.threshold, p.risk) for p in value.curve] == [
        (0.9, 0.0),
        (0.7, 0.5),
        (0.6, pytest.approx(2 / 3)),
    ]
    assert reliability.terminal_lines(value) == [
        TerminalLine("expected calibration error", value.calibration_error)
    ]
    diagram, curve, note = reliability.page_section(value, CONTEXT).blocks
    assert isinstance(diagram, Chart)
    assert isinstance(curve, Chart)
    assert diagram.lines[1].points == ((0.6, 0.0), (0.7, 0.0), (0.9, 1.0))
    assert [x for x, _ in curve.lines[0].points] == pytest.approx([1 / 3, 2 / 3, 1])
    assert isinstance(note, Note)
    assert "46.7% apart on average" in note.text
    assert "a temperature of 2.00" in note.text
    assert "without, it would be 40.0%" in note.text
    assert "After `evaluate --abstain-above-risk 0.1`" in note.text


def test_a_risk_to_stay_within_is_drawn() -> None:
    value = reliability.measure(evaluated(QUESTIONS, ["yes"] * 4))
    assert value is not None
    abstention = Abstention(0.2, 0.5, 0.75, 3, 0.1, (0.0, 0.3), 0, 0.6, 6, 10)
    context = replace(CONTEXT, figures={"abstention": abstention})
    _, curve, note = reliability.page_section(value, context).blocks
    assert isinstance(curve, Chart)
    assert curve.lines[1].points == ((0.0, 0.2), (1.0, 0.2))
    assert curve.marks == (Mark(0.75, 0.1, "answers 75.0%, 10.0% of them wrong"),)
    assert isinstance(note, Note)
    assert "abstain" not in note.text
    assert "temperature" not in note.text


def test_nothing_is_measured_without_answers() -> None:
    assert reliability.measure(evaluated(make_qaset(question(0, None)), ["yes"])) is None
