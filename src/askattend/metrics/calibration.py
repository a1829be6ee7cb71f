"""How far a probability can be trusted, and when a model had better not answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

Array = np.ndarray[Any, np.dtype[np.float64]]

BINS = 15
# As many points of a curve as a plot can show.
POINTS = 200
# A threshold that no probability reaches.
NEVER = 1.1


class Bin(msgspec.Struct, frozen=True):
    """Answers of like probability: their number, mean probability and accuracy."""

    questions: int
    probability: float
    accuracy: float


class Point(msgspec.Struct, frozen=True):
    """What answering only from some probability on amounts to.

    Attributes:
        threshold: the least probability that is still answered.
        coverage: share of the questions answered, 0 to 1.
        risk: 1 - accuracy among those, 0 to 1.
    """

    threshold: float
    coverage: float
    risk: float


class Calibration(msgspec.Struct, frozen=True):
    """What a run learnt on its validation questions about its own probabilities.

    Attributes:
        temperature: what logits are divided by (Guo et al. 2017).
        questions: how many it was learnt from.
        curve: risk and coverage by threshold, of the tempered probabilities, rising in coverage;
            of all thresholds, those with a lower risk than every lower one: no other is ever
            chosen.
        abstain_above_risk: the risk that `ask` is to stay below by not being sure; None for any.
    """

    temperature: float
    questions: int
    curve: tuple[Point, ...]
    abstain_above_risk: float | None = None

    def threshold(self, risk: float | None = None) -> float:
        """The least probability to answer with, so that no more than `risk` are wrong.

        The lowest threshold at which the validation questions' risk was within it; above 1 where
        none is. 0 where that of all of them was, or where no risk is named here or in
        `abstain_above_risk`.
        """
        risk = self.abstain_above_risk if risk is None else risk
        if risk is None or self.curve[-1].risk <= risk:
            return 0.0
        chosen = self._within(risk)
        return NEVER if chosen is None else chosen.threshold

    def coverage(self, risk: float) -> float:
        """Share of the validation questions that are answered at the threshold for this risk."""
        chosen = self._within(risk)
        return 0.0 if chosen is None else chosen.coverage

    def _within(self, risk: float) -> Point | None:
        """Where most is answered within a risk; None where nothing is."""
        within = [point for point in self.curve if point.risk <= risk + 1e-12]
        return max(within, key=lambda point: point.coverage, default=None)


class Abstention(msgspec.Struct, frozen=True):
    """What saying "not sure" amounts to on a split.

    Attributes:
        risk: the share of wrong answers that `ask` is to stay within, 0 to 1.
        threshold: the least probability that it answers with, chosen on the validation questions;
            0 if with any, above 1 if it never does.
        coverage: share of the split's questions that it answers, 0 to 1.
        achieved_risk: 1 - accuracy among those, 0 to 1; None where it answers none.
        valid_coverage: share of the validation questions that it answers.
    """

    risk: float
    threshold: float
    coverage: float
    achieved_risk: float | None
    valid_coverage: float


class Reliability(msgspec.Struct, frozen=True):
    """How probabilities and accuracy agree on a split.

    Attributes:
        temperature: fitted on validation; 1 where there was none.
        calibration_error: expected calibration error of the tempered probabilities: the mean
            distance between probability and accuracy over 15 equal bins, weighted by their
            questions (Guo et al. 2017, eq. 3).
        untempered_error: the same at temperature 1.
        bins: those that hold questions, of the tempered probabilities.
        curve: risk and coverage by threshold, rising in coverage; as many points as a plot shows.
        area: under the risk–coverage curve: the mean risk over all coverages.
    """

    temperature: float
    calibration_error: float
    untempered_error: float
    bins: tuple[Bin, ...]
    curve: tuple[Point, ...]
    area: float


def reliability(
    probability: Array, untempered: Array, score: Array, *, temperature: float
) -> Reliability:
    """How the probabilities of answers agree with how right they are, each array one a question."""
    curve, area = risk_coverage(probability, score)
    return Reliability(
        temperature,
        calibration_error(bins(probability, score)),
        calibration_error(bins(untempered, score)),
        bins(probability, score),
        thinned(curve),
        area,
    )


def abstention(calibration: Calibration, probability: Array, score: Array) -> Abstention | None:
    """What the threshold of a calibration does on questions; None where it is to keep no risk.

    Args:
        calibration: learnt on validation.
        probability: of each question's answer, tempered.
        score: how right each is, 0 to 1.
    """
    if (risk := calibration.abstain_above_risk) is None:
        return None
    threshold = calibration.threshold()
    answered = score[probability >= threshold]
    return Abstention(
        risk,
        threshold,
        len(answered) / len(score),
        1 - float(answered.mean()) if len(answered) else None,
        calibration.coverage(risk),
    )


def bins(probability: Array, score: Array) -> tuple[Bin, ...]:
    """The questions by probability, in 15 bins of equal width; empty ones are left out."""
    place = np.minimum((probability * BINS).astype(int), BINS - 1)
    return tuple(
        Bin(
            int((place == number).sum()),
            float(probability[place == number].mean()),
            float(score[place == number].mean()),
        )
        for number in range(BINS)
        if (place == number).any()
    )


def calibration_error(found: tuple[Bin, ...]) -> float:
    """Σ_b n_b/n · |accuracy_b - probability_b|."""
    questions = sum(b.questions for b in found)
    return sum(b.questions * abs(b.accuracy - b.probability) for b in found) / questions


def risk_coverage(probability: Array, score: Array) -> tuple[tuple[Point, ...], float]:
    """The curve, a point for each probability that occurs, and the area under it.

    Questions of equal probability are answered together or not at all.
    """
    order = np.argsort(-probability, kind="stable")
    sorted_p, risks = probability[order], 1 - score[order]
    answered = np.arange(1, len(order) + 1)
    risk = np.cumsum(risks) / answered
    last = np.append(sorted_p[1:] < sorted_p[:-1], True)  # of those with its probability
    ends = np.flatnonzero(last)
    area = float(risk[ends[np.searchsorted(ends, np.arange(len(order)))]].mean())
    points = (
        Point(float(sorted_p[i]), float(answered[i] / len(order)), float(risk[i])) for i in ends
    )
    return tuple(points), area


def thinned(curve: tuple[Point, ...]) -> tuple[Point, ...]:
    """A curve for plots: 200 of its points at most, its ends among them."""
    kept = np.unique(np.linspace(0, len(curve) - 1, POINTS).round().astype(int))
    return tuple(curve[place] for place in kept)


def choices(curve: tuple[Point, ...]) -> tuple[Point, ...]:
    """The points of a curve whose risk is lower than at every greater coverage.

    Whatever risk is to be kept within, the greatest coverage that does is at one of them.
    """
    found: list[Point] = []
    for point in reversed(curve):
        if not found or point.risk < found[-1].risk:
            found.append(point)
    return tuple(reversed(found))


def fit_temperature(logits: Float[Tensor, "questions answers"], score: Array) -> float:
    """The temperature at which "the best answer is right" is least surprising.

    Minimises the log loss of the best answer's probability p(T) = max softmax(logits / T) against
    how right it is, -Σ score·log p + (1-score)·log(1-p). Unlike the answers' own log loss, it
    counts questions whose answer is not in the vocabulary: they make a network too sure.

    Args:
        logits: of validation questions.
        score: how right each question's best answer is, 0 to 1.
    """
    gap = (logits.double() - logits.double().max(dim=1, keepdim=True).values).numpy()

    def surprise(log_temperature: float) -> float:
        p = 1 / np.exp(gap / np.exp(log_temperature)).sum(axis=1)
        p = np.clip(p, 1e-9, 1 - 1e-9)
        return float(-(score * np.log(p) + (1 - score) * np.log(1 - p)).mean())

    return float(np.exp(_least(surprise, -3.0, 3.0)))


def _least(function: Callable[[float], float], low: float, high: float) -> float:
    """Where a function with one minimum is least, by golden-section search."""
    ratio = (5**0.5 - 1) / 2
    left, right = high - ratio * (high - low), low + ratio * (high - low)
    at_left, at_right = function(left), function(right)
    while high - low > 1e-4:
        if at_left <= at_right:
            high, right, at_right = right, left, at_left
            left = high - ratio * (high - low)
            at_left = function(left)
        else:
            low, left, at_left = left, right, at_right
            right = low + ratio * (high - low)
            at_right = function(right)
    return (low + high) / 2


def calibrate(logits: Float[Tensor, "questions answers"], score: Array) -> Calibration:
    """Fit a temperature on validation questions, and measure risk and coverage under it."""
    temperature = fit_temperature(logits, score)
    probability = (logits.float() / temperature).softmax(dim=1).max(dim=1).values
    curve, _ = risk_coverage(probability.double().numpy(), score)
    return Calibration(temperature, len(score), choices(curve))


def best_probability(
    logits: Float[Tensor, "questions answers"], temperature: float
) -> Float[Tensor, " questions"]:
    """Of the most probable answer to each question."""
    return torch.softmax(logits.float() / temperature, dim=1).max(dim=1).values
