"""Calibration, risk and coverage against slow loops and known cases."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from askattend.metrics.calibration import (
    BINS,
    Calibration,
    RiskCoveragePoint,
    abstention,
    bins,
    calibrate,
    calibration_error,
    fit_temperature,
    reliability,
    risk_coverage,
    thinned,
    useful_thresholds,
)

shares = st.integers(0, 20).map(lambda n: n / 20)
answers = st.lists(st.tuples(shares, shares), min_size=1, max_size=40)


def arrays(found: list[tuple[float, float]]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([p for p, _ in found]), np.array([s for _, s in found])


@given(answers)
def test_calibration_error_by_hand(found: list[tuple[float, float]]) -> None:
    probability, score = arrays(found)
    expected = 0.0
    for number in range(BINS):
        low, high = number / BINS, (number + 1) / BINS
        inside = [(p, s) for p, s in found if low <= p < high or (p == 1 and high == 1)]
        if inside:
            gap = abs(sum(s for _, s in inside) - sum(p for p, _ in inside)) / len(inside)
            expected += len(inside) / len(found) * gap
    assert calibration_error(bins(probability, score)) == pytest.approx(expected, abs=1e-9)


@given(answers)
def test_risk_and_coverage_by_hand(found: list[tuple[float, float]]) -> None:
    curve, area = risk_coverage(*arrays(found))
    thresholds = sorted({p for p, _ in found}, reverse=True)
    assert [point.threshold for point in curve] == thresholds
    for point in curve:
        answered = [s for p, s in found if p >= point.threshold]
        assert point.coverage == pytest.approx(len(answered) / len(found))
        assert point.risk == pytest.approx(1 - sum(answered) / len(answered))
    steps = np.diff([0.0, *(point.coverage for point in curve)])
    assert area == pytest.approx(sum(steps * [point.risk for point in curve]))


def test_a_long_curve_is_thinned_and_keeps_its_ends() -> None:
    probability = np.linspace(0.1, 0.9, 5000)
    full, area = risk_coverage(probability, (probability > 0.5).astype(float))
    curve = thinned(full)
    assert (len(full), len(curve)) == (5000, 200)
    assert (curve[0].threshold, curve[-1].threshold) == (0.9, 0.1)
    assert curve[-1].coverage == 1
    assert curve[-1].risk == pytest.approx(0.5)
    assert 0 < area < 0.5


@pytest.mark.parametrize("true", [0.5, 1.0, 3.0])
def test_the_temperature_that_made_the_answers_is_found(true: float) -> None:
    generator = torch.Generator().manual_seed(0)
    logits = 4 * torch.randn(20_000, 6, generator=generator)
    said = torch.multinomial((logits / true).softmax(1), 1, generator=generator).squeeze(1)
    score = (said == logits.argmax(1)).double().numpy()
    assert fit_temperature(logits, score) == pytest.approx(true, rel=0.05)


def test_tempering_mends_a_network_that_is_too_sure() -> None:
    generator = torch.Generator().manual_seed(1)
    honest = torch.randn(4000, 5, generator=generator)
    said = torch.multinomial(honest.softmax(1), 1, generator=generator).squeeze(1)
    score = (said == honest.argmax(1)).double().numpy()
    calibration = calibrate(4 * honest, score)
    tempered = (4 * honest / calibration.temperature).softmax(1).max(1).values.double().numpy()
    untempered = (4 * honest).softmax(1).max(1).values.double().numpy()
    found = reliability(tempered, untempered, score, temperature=calibration.temperature)
    assert found.calibration_error < 0.03
    assert found.untempered_error > 0.2


@given(answers, shares)
def test_a_threshold_keeps_within_its_risk(found: list[tuple[float, float]], risk: float) -> None:
    probability, score = arrays(found)
    curve, _ = risk_coverage(probability, score)
    for points in (curve, useful_thresholds(curve)):
        threshold = Calibration(1.0, len(found), points).threshold(risk)
        answered = score[probability >= threshold]
        assert len(answered) == 0 or 1 - answered.mean() <= risk + 1e-9
        for lower in {p for p, _ in found if p < threshold}:
            assert 1 - score[probability >= lower].mean() > risk


@pytest.mark.parametrize("risk", [0.0507, 0.1007, 0.3007])
def test_the_threshold_is_chosen_from_all_questions(risk: float) -> None:
    generator = torch.Generator().manual_seed(2)
    logits = 2 * torch.randn(3000, 4, generator=generator)
    said = torch.multinomial(logits.softmax(1), 1, generator=generator).squeeze(1)
    score = (said == logits.argmax(1)).double().numpy()
    calibration = calibrate(logits, score)
    probability = (logits / calibration.temperature).softmax(1).max(1).values.double().numpy()
    within = [p for p in probability if 1 - score[probability >= p].mean() <= risk]
    assert calibration.threshold(risk) == min(within)


@given(answers, answers, shares)
def test_abstention_by_hand(
    valid: list[tuple[float, float]], test: list[tuple[float, float]], risk: float
) -> None:
    curve, _ = risk_coverage(*arrays(valid))
    calibration = Calibration(1.0, len(valid), useful_thresholds(curve))
    assert abstention(calibration, *arrays(test)) is None
    calibration = Calibration(1.0, len(valid), useful_thresholds(curve), abstain_above_risk=risk)
    found = abstention(calibration, *arrays(test))
    assert found is not None
    assert (found.risk, found.threshold) == (risk, calibration.threshold(risk))
    answered = [s for p, s in test if p >= found.threshold]
    assert found.coverage == pytest.approx(len(answered) / len(test))
    assert (found.achieved_risk is None) == (not answered)
    if found.achieved_risk is not None:
        assert found.achieved_risk == pytest.approx(1 - sum(answered) / len(answered))
    sure = sum(p >= found.threshold for p, _ in valid)
    assert found.valid_coverage == pytest.approx(sure / len(valid))


def test_without_a_risk_everything_is_answered() -> None:
    curve = (RiskCoveragePoint(0.9, 0.5, 0.2), RiskCoveragePoint(0.4, 1.0, 0.5))
    calibration = Calibration(1.0, 2, curve)
    assert calibration.threshold() == 0
    assert calibration.threshold(0.3) == 0.9
    assert calibration.threshold(0.1) > 1
    assert Calibration(1.0, 2, curve, abstain_above_risk=0.3).threshold() == 0.9
    assert calibration.threshold(0.5) == 0
