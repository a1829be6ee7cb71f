"""Calibration on the page and in the terminal; its figures are held to loops in metrics' tests."""

from __future__ import annotations

from dataclasses import replace

import pytest

from askattend.evaluation.figures import reliability
from askattend.evaluation.section import Chart, Mark, Note, TerminalLine
from askattend.metrics.abstention import Abstention
from askattend.metrics.calibration import Calibration
from askattend.metrics.risk_coverage import RiskCoveragePoint
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
    assert "9 validation questions do not show how to keep it" in note.text
    assert "--abstain-above-risk" not in note.text


def test_what_it_rests_on_is_said() -> None:
    calibration = Calibration(1.0, 300, (RiskCoveragePoint(0.1, 1.0, 0.2),))
    value = reliability.measure(evaluated(QUESTIONS, ["yes"] * 4, calibration=calibration))
    assert value is not None
    *_, note = reliability.page_section(value, CONTEXT).blocks
    assert isinstance(note, Note)
    assert "After `evaluate --abstain-above-risk 0.25`" in note.text
    assert "300 validation questions do not tell one from 1" in note.text


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


def test_the_chart_of_a_good_network_is_no_empty_box() -> None:
    questions = make_qaset(*(question(n, "no" if n == 39 else "yes") for n in range(40)))
    sure = [0.99 - n / 1000 for n in range(40)]
    value = reliability.measure(evaluated(questions, ["yes"] * 40, probabilities=sure))
    assert value is not None
    _, curve, _ = reliability.page_section(value, CONTEXT).blocks
    assert isinstance(curve, Chart)
    assert curve.y.high == pytest.approx(1.1 / 40)  # so that 2.5 % fill it
    assert curve.y.label.format(0.0125) == "1.2%"
    questions = make_qaset(*(question(n) for n in range(40)))
    value = reliability.measure(evaluated(questions, ["yes"] * 40, probabilities=sure))
    assert value is not None
    diagram, note = reliability.page_section(value, CONTEXT).blocks
    assert isinstance(diagram, Chart)
    assert isinstance(note, Note)
    assert "None of the answers is wrong" in note.text


def section_of(sure: list[float], *, wrong: int) -> tuple[list[Chart], str]:
    """The charts and the note of so many questions, the last ones of which are wrong."""
    answers = ["yes"] * (len(sure) - wrong) + ["no"] * wrong
    questions = make_qaset(*(question(n, answer) for n, answer in enumerate(answers)))
    value = reliability.measure(evaluated(questions, ["yes"] * len(sure), probabilities=sure))
    assert value is not None
    *charts, note = reliability.page_section(value, CONTEXT).blocks
    assert isinstance(note, Note)
    return [chart for chart in charts if isinstance(chart, Chart)], note.text


def test_of_few_questions_and_of_equal_answers_it_says_so() -> None:
    charts, said = section_of([0.9], wrong=1)
    assert len(charts) == 2
    assert said.startswith("Of 1 question no chart tells much. Probabilities")
    assert "All of the answers are wrong, however sure it is." in said
    charts, said = section_of([0.9, 0.8, 0.7], wrong=0)
    assert len(charts) == 1
    assert said.startswith("Of 3 questions no chart tells much. ")
    charts, said = section_of([0.9996] * 1999 + [0.94], wrong=1)
    assert said.startswith("All its probabilities are much alike: on average it gives 99.96% and ")
    assert "right in 99.95%. Probabilities and shares of right answers are <0.1% apart" in said
    assert "mean risk over all coverages, is <0.1%" in said


def test_shares_that_lie_close_together_fill_the_diagram() -> None:
    for sure, wrong, ends in (
        ([0.999] * 40, 0, (0.9, 1.0)),
        ([0.93], 0, (0.9, 1.0)),
        ([0.01] * 40, 40, (0.0, 0.1)),
        ([0.55] * 40, 20, (0.5, 0.6)),
        ([0.93], 1, (0.0, 1.0)),
        ([0.9, 0.3] * 20, 20, (0.0, 1.0)),
    ):
        (diagram, *_), _ = section_of(sure, wrong=wrong)
        for axis in (diagram.x, diagram.y):
            assert (axis.low, axis.high) == pytest.approx(ends)
        assert diagram.lines[0].points == tuple((end, end) for end in (axis.low, axis.high))
        assert all(axis.low <= v <= axis.high for point in diagram.lines[1].points for v in point)


def test_a_point_of_the_diagram_rests_on_some_questions() -> None:
    """One wrong answer among a hundred must not look like a network that is always wrong."""
    sure = [0.97] * 90 + [0.88] * 7 + [0.8] * 5 + [0.7] * 3 + [0.5]
    (diagram, curve), said = section_of(sure, wrong=1)
    (first, second) = diagram.lines[1].points
    assert first == pytest.approx(((0.5 + 3 * 0.7 + 5 * 0.8 + 7 * 0.88) / 16, 15 / 16))
    assert second == pytest.approx((0.97, 1.0))
    assert diagram.lines[1].tips[0].endswith("of 16")
    assert said.startswith("Each point of the first chart rests on 10 questions or more.")
    assert (curve.x.low, curve.x.high) == (0.8, 1.0)  # 90 of 106 have one probability


def test_a_curve_of_one_point_is_marked() -> None:
    value = reliability.measure(evaluated(QUESTIONS, ["blue"] * 4, probabilities=[0.5] * 4))
    assert value is not None
    _, curve, _ = reliability.page_section(value, CONTEXT).blocks
    assert isinstance(curve, Chart)
    assert len(curve.lines[0].tips) == len(curve.lines[0].points) == 1


def test_nothing_is_measured_without_answers() -> None:
    assert reliability.measure(evaluated(make_qaset(question(0, None)), ["yes"])) is None
