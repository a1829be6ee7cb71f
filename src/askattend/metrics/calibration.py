"""Calibration of probabilities, and abstaining: which answers had better not be given."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from typing import Annotated, Any

import msgspec
import numpy as np
from jaxtyping import Float
from torch import Tensor

from askattend.errors import ConfigError
from askattend.metrics.shares import effective_size
from askattend.metrics.temperature import SPREAD, best_probability, fit_temperature
from askattend.settings import ClosedFraction, Natural

Array = np.ndarray[Any, np.dtype[np.float64]]

BINS = 15
# A plot cannot show more points of a curve than this.
POINTS = 200
# Of a question of whose words a greater share is unknown, no answer is sure: the words that it does
# know are often those that any question has ("is a … to be seen?").
MOST_UNKNOWN = 0.25
# A threshold that no probability reaches.
NEVER = 1.1
# Chance that all of too few answers are right although more than the risk's share are wrong.
DOUBT = 0.05
# No temperature, and no count of questions, is greater.
MOST = 1e12


class Bin(msgspec.Struct, frozen=True):
    """Answers of similar probability: their number, mean probability and accuracy."""

    questions: int
    probability: float
    accuracy: float


class RiskCoveragePoint(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Coverage and risk of answering only from some probability on (Geifman & El-Yaniv 2017).

    Attributes:
        threshold: the least probability that is still answered.
        coverage: share of the questions answered, 0 to 1.
        risk: 1 - accuracy among those, 0 to 1.
    """

    threshold: ClosedFraction
    coverage: ClosedFraction
    risk: ClosedFraction


class Calibration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Temperature and thresholds of a run, learnt on its validation questions.

    Attributes:
        temperature: what logits are divided by (Guo et al. 2017).
        questions: how many it was learnt from.
        curve: risk and coverage by threshold, of the tempered probabilities, rising in coverage;
            see `useful_thresholds`.
        abstain_above_risk: the risk that `ask` is to stay below by not being sure; None for any.
        effective: how many independent questions they are worth, since some share an image; None
            where that is not known: they count as independent.
        unknown_slope: what the temperature rises by with the share of a question's words that are
            unknown, as a multiple of itself; see `fit_unknown_slope`.
    """

    temperature: Annotated[float, msgspec.Meta(gt=0, le=MOST)]
    questions: Natural
    curve: tuple[RiskCoveragePoint, ...]
    abstain_above_risk: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = None
    effective: Annotated[float, msgspec.Meta(ge=0, le=MOST)] | None = None
    unknown_slope: Annotated[float, msgspec.Meta(ge=0, le=MOST)] = 0.0

    def temperature_of(self, unknown: Array) -> Array:
        """Return the temperature for questions of which these shares of the words are unknown."""
        return self.temperature * (1 + self.unknown_slope * unknown)

    def threshold(self, risk: float | None = None) -> float:
        """Find the least probability to answer with, so that no more than `risk` are wrong.

        Args:
            risk: by default `abstain_above_risk`.

        Returns:
            The lowest threshold at which the validation questions' risk was within it, of those
            that `least_questions` lie above; above 1 where none is; 0 where that of all of them
            was, or where no risk is named.
        """
        risk = self.abstain_above_risk if risk is None else risk
        if risk is None or risk >= 1:
            return 0.0
        if not self.curve:
            return NEVER
        if self.curve[-1].risk <= risk and self._enough(self.curve[-1], risk):
            return 0.0
        chosen = self._within(risk)
        return NEVER if chosen is None else chosen.threshold

    def answered(self, threshold: float) -> int:
        """Count the validation questions whose probability reaches a threshold."""
        if threshold <= 0:
            return self.questions
        reached = [point.coverage for point in self.curve if point.threshold >= threshold]
        return round(max(reached, default=0.0) * self.questions)

    def require_enough(self, risk: float, *, where: str) -> None:
        """Refuse a risk that so few validation questions could not show, even if all were right.

        Raises:
            ConfigError: says how many it takes.
        """
        least = least_questions(risk)
        if self._worth >= least:
            return
        worth = f", worth {self._worth:.0f} independent ones," * (self._worth < self.questions)
        takes = "no number is enough" if math.isinf(least) else f"it takes {least:,.0f}"
        raise ConfigError(
            f"{self.questions:,} validation questions{worth} are too few to show that no more than "
            f"{risk:.1%} of answers are wrong: {takes}, even if all of them are right",
            where=where,
            remedy="Name a greater risk, or validate on more questions and images.",
        )

    @property
    def _worth(self) -> float:
        return self.questions if self.effective is None else self.effective

    def _enough(self, point: RiskCoveragePoint, risk: float) -> bool:
        return point.coverage * self._worth >= least_questions(risk)

    def _within(self, risk: float) -> RiskCoveragePoint | None:
        """Find the point of greatest coverage within a risk; None where nothing is answered."""
        # Risks come from sums in floating point.
        within = [
            point
            for point in self.curve
            if point.risk <= risk + 1e-12 and self._enough(point, risk)
        ]
        return max(within, key=lambda point: point.coverage, default=None)


def least_questions(risk: float) -> float:
    """Return how many right answers in a row it takes to show a risk, at 95 %.

    If more than `risk` were wrong, so many would all be right with a chance of less than 5 %:
    (1 - risk)ⁿ ≤ 0.05. About 3/risk: 29 for 0.1, 299 for 0.01; infinitely many for 0.
    """
    if risk <= 0:
        return math.inf
    return 0.0 if risk >= 1 else math.ceil(math.log(DOUBT) / math.log1p(-risk))


class Reliability(msgspec.Struct, frozen=True):
    """Agreement of probabilities with accuracy on a split.

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
    curve: tuple[RiskCoveragePoint, ...]
    area: float


def reliability(
    probability: Array, untempered: Array, score: Array, *, temperature: float
) -> Reliability:
    """Measure calibration, risk and coverage.

    Args:
        probability: of each question's answer, tempered.
        untempered: the same at temperature 1.
        score: how right each answer is, 0 to 1.
        temperature: what tempered them.
    """
    curve, area = risk_coverage(probability, score)
    return Reliability(
        temperature,
        calibration_error(bins(probability, score)),
        calibration_error(bins(untempered, score)),
        bins(probability, score),
        thinned(curve),
        area,
    )


def bins(probability: Array, score: Array) -> tuple[Bin, ...]:
    """Sort questions by probability into 15 bins of equal width; empty ones are left out."""
    bin_index = np.minimum((probability * BINS).astype(int), BINS - 1)
    return tuple(
        Bin(
            int((bin_index == number).sum()),
            float(probability[bin_index == number].mean()),
            float(score[bin_index == number].mean()),
        )
        for number in range(BINS)
        if (bin_index == number).any()
    )


def calibration_error(found: tuple[Bin, ...]) -> float:
    """Compute Σ_b n_b/n · |accuracy_b - probability_b| (Guo et al. 2017, eq. 3)."""
    questions = sum(b.questions for b in found)
    return sum(b.questions * abs(b.accuracy - b.probability) for b in found) / questions


def risk_coverage(probability: Array, score: Array) -> tuple[tuple[RiskCoveragePoint, ...], float]:
    """Compute the risk–coverage curve and the area under it.

    Questions of equal probability are answered together or not at all.

    Returns:
        A point for each probability that occurs, rising in coverage; the mean risk over coverages.
    """
    order = np.argsort(-probability, kind="stable")
    sorted_p, risks = probability[order], 1 - score[order]
    answered = np.arange(1, len(order) + 1)
    risk = np.cumsum(risks) / answered
    last = np.append(sorted_p[1:] < sorted_p[:-1], True)  # of those with its probability
    ends = np.flatnonzero(last)
    area = float(risk[ends[np.searchsorted(ends, np.arange(len(order)))]].mean())
    points = (
        RiskCoveragePoint(float(sorted_p[i]), float(answered[i] / len(order)), float(risk[i]))
        for i in ends
    )
    return tuple(points), area


def thinned(curve: tuple[RiskCoveragePoint, ...]) -> tuple[RiskCoveragePoint, ...]:
    """Thin a curve for plots: 200 of its points at most, its ends among them."""
    indices = np.unique(np.linspace(0, len(curve) - 1, POINTS).round().astype(int))
    return tuple(curve[index] for index in indices)


def useful_thresholds(curve: tuple[RiskCoveragePoint, ...]) -> tuple[RiskCoveragePoint, ...]:
    """Keep the points of a curve whose risk is lower than at every greater coverage.

    Whatever risk is to be kept within, the greatest coverage that does is at one of them.
    """
    found: list[RiskCoveragePoint] = []
    for point in reversed(curve):
        if not found or point.risk < found[-1].risk:
            found.append(point)
    return tuple(reversed(found))


def calibrate(
    logits: Float[Tensor, "questions answers"],
    score: Array,
    images: Sequence[Hashable] | None = None,
) -> Calibration:
    """Fit a temperature on validation questions, and measure risk and coverage with it.

    Args:
        logits: of the questions.
        score: how right each question's best answer is, 0 to 1.
        images: the image of each; by default each has its own.
    """
    images = range(len(score)) if images is None else images
    temperature = fit_temperature(logits, score, spread=SPREAD)
    curve, _ = risk_coverage(best_probability(logits, temperature).double().numpy(), score)
    effective = min(effective_size(score, images), float(len(score)))
    return Calibration(temperature, len(score), useful_thresholds(curve), effective=effective)


def refuse_two_ways(abstain_above_risk: float | None, *, abstention: bool) -> None:
    """Refuse settings that name a risk to abstain above, and ask for no abstention.

    Raises:
        ConfigError: they do.
    """
    if not abstention and abstain_above_risk is not None:
        raise ConfigError(
            "a risk to abstain above, and no abstention",
            where="abstain_above_risk",
            remedy="Leave out one of the two.",
        )
