"""Calibration, risk and coverage against slow loops and known cases."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta

from askattend.errors import ConfigError
from askattend.metrics.abstention import abstention, how_to_abstain
from askattend.metrics.calibration import (
    BINS,
    Calibration,
    bins,
    calibrate,
    calibration_error,
    refuse_two_ways,
    reliability,
)
from askattend.metrics.risk_coverage import (
    RiskCoveragePoint,
    least_questions,
    levels,
    risk_coverage,
    thinned,
)
from askattend.metrics.shares import share_interval
from askattend.metrics.temperature import (
    fit_temperature,
    fit_unknown_slope,
    tell_temperature,
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


def test_bins_are_of_equal_width() -> None:
    middles = (np.arange(BINS) + 0.5) / BINS
    found = bins(np.append(middles, 1.0), np.append(middles, 0.0) / 2)
    assert [each.questions for each in found] == [1] * (BINS - 1) + [2]
    assert [each.probability for each in found[:-1]] == middles[:-1].tolist()
    assert found[-1].accuracy == pytest.approx(middles[-1] / 4)


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


def test_the_temperature_rises_with_the_share_of_unknown_words() -> None:
    unknown = np.array([0.0, 0.25, 1.0])
    assert Calibration(2.0, 9, ()).temperature_of(unknown).tolist() == [2, 2, 2]
    rising = Calibration(2.0, 9, (), unknown_slope=4.0)
    assert rising.temperature_of(unknown).tolist() == [2, 4, 10]


def test_a_risk_and_no_abstention_are_refused() -> None:
    with pytest.raises(ConfigError, match="a risk to abstain above, and no abstention"):
        refuse_two_ways(0.0, abstention=False)
    refuse_two_ways(None, abstention=False)
    refuse_two_ways(0.1, abstention=True)


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


@pytest.mark.parametrize("right", [1.0, 0.7, 0.0])
@pytest.mark.parametrize("questions", [1, 3, 40])
@pytest.mark.parametrize("spread", [0.3, 0.5, 1.0])
def test_few_questions_move_the_temperature_little(
    right: float, questions: int, spread: float
) -> None:
    """The least of the log loss and the prior's, by trying all temperatures."""
    generator = torch.Generator().manual_seed(5)
    logits = 3 * torch.randn(questions, 4, generator=generator)
    score = (np.arange(questions) < right * questions).astype(float)

    def surprise(x: float) -> float:
        p = (logits.double() / np.exp(x)).softmax(1).max(1).values.numpy().clip(1e-9, 1 - 1e-9)
        said = score * np.log(p) + (1 - score) * np.log(1 - p)
        return float(-said.sum() + x**2 / (2 * spread**2))

    tried = np.linspace(-3, 3, 6001)
    best = tried[np.argmin([surprise(x) for x in tried])]
    assert np.log(fit_temperature(logits, score, spread=spread)) == pytest.approx(best, abs=2e-3)


def test_no_question_leaves_the_temperature_at_one() -> None:
    logits, score = torch.zeros(1, 1), np.ones(1)  # with one answer, all temperatures are as good
    assert fit_temperature(logits, score, spread=0.5) == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("true", [0.0, 1.5, 8.0])
def test_the_rise_with_unknown_words_is_found(true: float) -> None:
    generator = torch.Generator().manual_seed(3)
    logits = 4 * torch.randn(20_000, 6, generator=generator)
    unknown = torch.rand(20_000, generator=generator).double()
    tempered = logits / (1.3 * (1 + true * unknown))[:, None]
    said = torch.multinomial(tempered.softmax(1), 1, generator=generator).squeeze(1)
    score = (said == logits.argmax(1)).double().numpy()
    found = fit_unknown_slope(logits, score, unknown.numpy(), 1.3)
    assert found == pytest.approx(true, rel=0.15, abs=0.1)


def test_where_unknown_words_make_nobody_unsure_nothing_rises() -> None:
    generator = torch.Generator().manual_seed(3)
    logits = 4 * torch.randn(2000, 6, generator=generator)
    unknown = np.linspace(0, 1, 2000)
    assert fit_unknown_slope(logits, np.ones(2000), unknown, 1.0) == 0


def test_tempering_mends_a_network_that_is_too_sure() -> None:
    generator = torch.Generator().manual_seed(1)
    honest = torch.randn(4000, 5, generator=generator)
    said = torch.multinomial(honest.softmax(1), 1, generator=generator).squeeze(1)
    score = (said == honest.argmax(1)).double().numpy()
    calibration = calibrate(4 * honest, score)
    tempered = (4 * honest / calibration.temperature).softmax(1).max(1).values.double().numpy()
    untempered = (4 * honest).softmax(1).max(1).values.double().numpy()
    found = reliability(tempered, untempered, score, calibration=calibration)
    assert found.calibration_error < 0.03
    assert found.untempered_error > 0.2


def test_what_reliability_measures() -> None:
    probability, untempered = np.linspace(0.2, 0.9, 300), np.linspace(0.5, 1, 300)
    score = np.random.default_rng(0).random(300).round()
    found = reliability(probability, untempered, score, calibration=Calibration(1.5, 20, ()))
    curve, area = risk_coverage(probability, score)
    assert found.temperature == 1.5
    assert found.bins == bins(probability, score)
    assert found.calibration_error == calibration_error(found.bins)
    assert found.untempered_error == calibration_error(bins(untempered, score))
    assert (found.curve, found.area) == (thinned(curve), area)


@given(answers, shares)
def test_a_threshold_keeps_within_its_risk(found: list[tuple[float, float]], risk: float) -> None:
    probability, score = arrays(found)
    curve, _ = risk_coverage(probability, score)
    kept = levels(curve)
    assert levels(kept) == kept
    assert kept[-1] == curve[-1]
    threshold = Calibration(1.0, len(found), curve).threshold(risk)
    assert Calibration(1.0, len(found), kept).threshold(risk) == threshold
    wrong = 1 - score[probability >= threshold]
    if len(wrong) > 0 and risk < 1:
        assert len(wrong) >= least_questions(risk)
        # The whole doubt is the least that any of them asks for.
        bound = beta.ppf(0.95, wrong.sum() + 1, len(wrong) - wrong.sum())
        assert bound <= risk + 1e-9


@given(st.integers(1, 400), st.floats(0.01, 0.9))
def test_all_right_shows_a_risk_from_the_least_number_on(questions: int, risk: float) -> None:
    probability, score = np.linspace(0.9, 0.1, questions), np.ones(questions)
    found = Calibration(1.0, questions, risk_coverage(probability, score)[0])
    assert (found.threshold(risk) == 0) == (questions >= least_questions(risk))


# Of an answer with probability p: how likely it is wrong.
def flat(p: np.ndarray) -> np.ndarray:
    return np.full_like(p, 0.205)


def steep(p: np.ndarray) -> np.ndarray:
    return 0.8 * (1 - p)


def misleading(p: np.ndarray) -> np.ndarray:
    return 0.15 + 0.1 * p


@pytest.mark.parametrize("questions", [60, 400])
@pytest.mark.parametrize("wrong", [flat, steep, misleading])
def test_the_risk_is_exceeded_in_few_draws_of_validation(
    wrong: Callable[[np.ndarray], np.ndarray], questions: int
) -> None:
    generator, draws, exceeded, answering = np.random.default_rng(7), 300, 0, 0
    everything = np.linspace(0, 1, 20_001)
    for _ in range(draws):
        probability = generator.random(questions)
        score = (generator.random(questions) >= wrong(probability)).astype(float)
        curve = levels(risk_coverage(probability, score)[0])
        threshold = Calibration(1.0, questions, curve).threshold(0.2)
        answered = everything[everything >= threshold]
        answering += len(answered) > 0
        exceeded += len(answered) > 0 and wrong(answered).mean() > 0.2
    assert exceeded <= 0.05 * draws
    # Where the surest answers are right, many draws show it.
    assert wrong is not steep or questions < 400 or answering > 0.6 * draws


def test_questions_of_few_images_show_less() -> None:
    """Twenty questions of an image that are all right or all wrong are one piece of evidence."""
    generator, draws, exceeded = np.random.default_rng(7), 60, 0
    for _ in range(draws):
        right = np.repeat(generator.random(40) >= 0.25, 20).astype(float)
        logits = torch.from_numpy(np.stack([generator.random(800), np.full(800, -1.0)], axis=1))
        found = calibrate(logits, right, [n // 20 for n in range(800)])
        exceeded += found.threshold(0.2) < 1.1
    assert exceeded <= 0.05 * draws


def test_a_risk_that_is_not_shown_is_refused_with_the_least_that_is() -> None:
    curve = (RiskCoveragePoint(0.6, 0.5, 0.2), RiskCoveragePoint(0.2, 1.0, 0.4))
    found = Calibration(1.0, 200, curve)
    with pytest.raises(
        ConfigError, match=r"200 validation questions do not show .* Name 0\.\d\d,"
    ) as e:
        found.require_shown(0.2, where="x")
    least = found.least_risk
    assert least is not None
    assert f"Name {least:.2f}, the least they show" in str(e.value)
    found.require_shown(least, where="x")
    with pytest.raises(ConfigError):
        found.require_shown(least - 0.01, where="x")
    assert found.advised_risk is not None
    assert 0 <= found.advised_risk - least < 0.05
    found.require_shown(found.advised_risk, where="x")


def test_only_a_risk_that_is_shown_is_advised() -> None:
    assert "`evaluate --abstain-above-risk 0.25`" in how_to_abstain(0.25, 300)
    few = Calibration(1.0, 15, (RiskCoveragePoint(0.2, 1.0, 0.4),))
    assert few.advised_risk is None
    said = how_to_abstain(few.advised_risk, few.questions)
    assert "--abstain-above-risk" not in said
    assert "15 validation questions do not show" in said
    assert "takes 29 at least" in said
    alone = Calibration(1.0, 0, ())
    assert how_to_abstain(None, 0).startswith("There were no validation questions")
    assert (alone.least_risk, alone.advised_risk) == (None, None)
    with pytest.raises(ConfigError, match="Name a greater risk, or validate"):
        alone.require_shown(0.5, where="x")


@given(st.floats(0.001, 0.999))
def test_fewer_right_answers_would_leave_doubt(risk: float) -> None:
    least = int(least_questions(risk))
    assert (1 - risk) ** least <= 0.05 + 1e-12
    assert least == 1 or (1 - risk) ** (least - 1) > 0.05


def test_a_threshold_that_rests_on_too_few_is_refused() -> None:
    curve = (RiskCoveragePoint(0.9, 0.03, 0.0), RiskCoveragePoint(0.2, 1.0, 0.4))
    assert [least_questions(risk) for risk in (0.0, 0.01, 1.0)] == [np.inf, 299, 0]
    few = Calibration(1.0, 20, curve)
    assert few.threshold(0.1) > 1
    with pytest.raises(ConfigError, match=r"20 validation questions are too few .* it takes 29"):
        few.require_shown(0.1, where="x")
    with pytest.raises(ConfigError, match="wrong: no number is enough"):
        few.require_shown(0.0, where="x")
    right = (RiskCoveragePoint(0.2, 1.0, 0.0),)
    Calibration(1.0, 29, right).require_shown(0.1, where="x")
    hundred = Calibration(1.0, 100, curve)
    assert hundred.threshold(0.1) > 1  # the three surest were right, which shows nothing
    alike = Calibration(1.0, 100, curve, effective=12.0)
    with pytest.raises(ConfigError, match="100 validation questions, worth 12 independent ones, "):
        alike.require_shown(0.1, where="x")
    assert Calibration(1.0, 1000, curve).threshold(0.1) > 1  # 30, at half of the doubt
    assert Calibration(1.0, 1300, curve).threshold(0.1) == 0.9


def test_questions_of_one_image_are_no_independent_evidence() -> None:
    logits = torch.tensor([[2.0, 0.0]]).expand(40, 2)
    score = np.repeat([1.0, 0.0, 1.0, 1.0], 10)
    assert calibrate(logits, score).effective == pytest.approx(39)
    assert calibrate(logits, score, [n // 10 for n in range(40)]).effective == pytest.approx(4)


@pytest.mark.parametrize("true", [1.0, 0.5, 3.0])
def test_few_questions_do_not_tell_a_temperature(true: float) -> None:
    """A network that is right about itself keeps 1 in most draws; another's is found by many."""
    given_up = []
    for seed in range(40):
        generator = torch.Generator().manual_seed(seed)
        logits = 2 * torch.randn(15 if true == 1 else 400, 4, generator=generator)
        said = torch.multinomial((logits / true).softmax(1), 1, generator=generator).squeeze(1)
        score = (said == logits.argmax(1)).double().numpy()
        found = tell_temperature(logits, score, range(len(score)))
        assert found in (1.0, fit_temperature(logits, score, spread=0.5))
        given_up.append(found != 1)
    assert np.mean(given_up) <= 0.1 if true == 1 else np.mean(given_up) >= 0.95


def test_questions_of_one_image_tell_no_temperature() -> None:
    generator = torch.Generator().manual_seed(2)
    logits, score = 9 * torch.randn(300, 4, generator=generator), np.tile([0.0, 1.0], 150)
    assert tell_temperature(logits, score, range(300)) != 1
    assert tell_temperature(logits, score, ["one"] * 300) == 1


@given(answers, answers, shares)
def test_abstention_by_hand(
    valid: list[tuple[float, float]], test: list[tuple[float, float]], risk: float
) -> None:
    curve, _ = risk_coverage(*arrays(valid))
    calibration = Calibration(1.0, len(valid), levels(curve))
    images = range(len(test))
    assert abstention(calibration, *arrays(test), images) is None
    calibration = Calibration(1.0, len(valid), levels(curve), abstain_above_risk=risk)
    found = abstention(calibration, *arrays(test), images, in_sample=3)
    assert found is not None
    assert (found.risk, found.threshold) == (risk, calibration.threshold(risk))
    answered = [s for p, s in test if p >= found.threshold]
    assert found.coverage == pytest.approx(len(answered) / len(test))
    assert (found.achieved_risk is None) == (not answered)
    if found.achieved_risk is not None:
        assert found.achieved_risk == pytest.approx(1 - sum(answered) / len(answered))
    sure = sum(p >= found.threshold for p, _ in valid)
    assert (found.valid_answered, found.valid_questions) == (sure, len(valid))
    assert found.valid_coverage == pytest.approx(sure / len(valid))
    assert (found.answered, found.in_sample) == (len(answered), 3)
    wrong = [1 - score for score in answered]
    assert found.interval == (share_interval(wrong, range(len(wrong))) if wrong else None)
    plain = abstention(calibration, *arrays(test), images)
    assert plain is not None
    assert plain.in_sample == 0


def test_any_probability_is_enough_without_a_threshold() -> None:
    assert Calibration(1.0, 9, ()).answered(0) == 9
    curve = (RiskCoveragePoint(0.9, 0.5, 0.2), RiskCoveragePoint(0.4, 1.0, 0.5))
    calibration = Calibration(1.0, 200, curve)
    assert [calibration.answered(level) for level in (0.0, 0.4, 0.41, 0.9, 0.91)] == [
        *(200, 200, 100, 100, 0)
    ]


def test_without_a_risk_everything_is_answered() -> None:
    curve = (RiskCoveragePoint(0.9, 0.5, 0.1), RiskCoveragePoint(0.4, 1.0, 0.3))
    calibration = Calibration(1.0, 200, curve)
    assert calibration.threshold() == 0
    assert calibration.threshold(0.2) == 0.9
    assert calibration.threshold(0.1) > 1
    assert calibration.threshold(1.0) == Calibration(1.0, 9, ()).threshold(1.0) == 0
    assert Calibration(1.0, 9, ()).threshold(0.99) > 1
    assert Calibration(1.0, 200, curve, abstain_above_risk=0.2).threshold() == 0.9
    assert calibration.threshold(0.4) == 0
