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
from askattend.metrics.risk_coverage import (
    RiskCoveragePoint,
    least_questions,
    levels,
    risk_coverage,
    shown,
    thinned,
)
from askattend.metrics.shares import effective_size
from askattend.metrics.temperature import best_probability, tell_temperature
from askattend.settings import Natural

Array = np.ndarray[Any, np.dtype[np.float64]]

BINS = 15
# Of a question of whose words a greater share is unknown, no answer is sure: the words that it does
# know are often those that any question has ("is a … to be seen?").
MOST_UNKNOWN = 0.25
# Said where nobody chose what makes an answer sure, or knows the pictures that were learnt from.
NOT_JUDGED = "not judged"
# A threshold that no probability reaches.
NEVER = 1.1
# Risks that are advised, the first that validation shows.
ADVISED = (0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5)
# No temperature, and no count of questions, is greater.
MOST = 1e12


class Bin(msgspec.Struct, frozen=True):
    """Answers of similar probability: their number, mean probability and accuracy."""

    questions: int
    probability: float
    accuracy: float


class Calibration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Temperature and thresholds of a run, learnt on its validation questions.

    Attributes:
        temperature: what logits are divided by (Guo et al. 2017); 1 where too few questions tell
            another from it, see `tell_temperature`.
        questions: how many it was learnt from.
        curve: risk and coverage by threshold, of the tempered probabilities, rising in coverage;
            see `levels`.
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
            The lowest threshold of which the validation questions show, at 95 %, that it keeps the
            risk, see `shown`; above 1 where there is none; 0 where that is shown of all of them,
            or where no risk is named.
        """
        risk = self.abstain_above_risk if risk is None else risk
        if risk is None or risk >= 1:
            return 0.0
        found = shown(self.curve, self._worth, risk)
        if found is None:
            return NEVER
        return 0.0 if found is self.curve[-1] else found.threshold

    @property
    def least_risk(self) -> float | None:
        """The least risk, in whole per cent, that validation shows how to keep; None if it can't.

        It is what is kept at some coverage, however small.
        """
        return next((r / 100 for r in range(1, 100) if self.threshold(r / 100) < NEVER), None)

    @property
    def advised_risk(self) -> float | None:
        """A risk worth choosing, of those that validation shows how to keep; None for none."""
        return next((risk for risk in ADVISED if self.threshold(risk) < NEVER), None)

    def answered(self, threshold: float) -> int:
        """Count the validation questions whose probability reaches a threshold."""
        if threshold <= 0:
            return self.questions
        reached = [point.coverage for point in self.curve if point.threshold >= threshold]
        return round(max(reached, default=0.0) * self.questions)

    def require_shown(self, risk: float, *, where: str) -> None:
        """Refuse a risk of which validation does not show how to keep it.

        Raises:
            ConfigError: says what risk it does show, or how many questions it takes.
        """
        if self.threshold(risk) < NEVER:
            return
        worth = f", worth {self._worth:.0f} independent ones," * (self._worth < self.questions)
        questions, claim = f"{self.questions:,} validation questions{worth}", _claim(risk)
        least, shows = least_questions(risk), self.least_risk
        if self._worth < least:
            takes = "no number is enough" if math.isinf(least) else f"it takes {least:,.0f}"
            what = (
                f"{questions} are too few to show {claim}: {takes}, even if all of them are right"
            )
        else:
            what = f"{questions} do not show {claim}, at 95 %, however few it answers"
        name = "Name a greater risk" if shows is None else f"Name {shows:.2f}, the least they show"
        raise ConfigError(
            what, where=where, remedy=f"{name}, or validate on more questions and images."
        )

    @property
    def _worth(self) -> float:
        return self.questions if self.effective is None else self.effective


def _claim(risk: float) -> str:
    return f"that no more than {risk:.1%} of answers are wrong"


class Reliability(msgspec.Struct, frozen=True):
    """Agreement of probabilities with accuracy on a split.

    Attributes:
        temperature: fitted on validation; 1 where there was none, or too little of it to tell
            another from 1.
        calibration_error: expected calibration error of the tempered probabilities: the mean
            distance between probability and accuracy over 15 equal bins, weighted by their
            questions (Guo et al. 2017, eq. 3).
        untempered_error: the same at temperature 1.
        bins: those that hold questions, of the tempered probabilities.
        curve: risk and coverage by threshold, rising in coverage; as many points as a plot shows.
        area: under the risk–coverage curve: the mean risk over all coverages.
        advised_risk: a risk that validation shows how to keep, see `Calibration`; None for none.
        valid_questions: what the temperature was learnt from, and the risk is shown by.
    """

    temperature: float
    calibration_error: float
    untempered_error: float
    bins: tuple[Bin, ...]
    curve: tuple[RiskCoveragePoint, ...]
    area: float
    advised_risk: float | None = None
    valid_questions: int = 0


def reliability(
    probability: Array, untempered: Array, score: Array, *, calibration: Calibration | None
) -> Reliability:
    """Measure calibration, risk and coverage.

    Args:
        probability: of each question's answer, tempered.
        untempered: the same at temperature 1.
        score: how right each answer is, 0 to 1.
        calibration: what tempered them; None for nothing.
    """
    curve, area = risk_coverage(probability, score)
    return Reliability(
        1.0 if calibration is None else calibration.temperature,
        calibration_error(bins(probability, score)),
        calibration_error(bins(untempered, score)),
        bins(probability, score),
        thinned(curve),
        area,
        None if calibration is None else calibration.advised_risk,
        0 if calibration is None else calibration.questions,
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
    temperature = tell_temperature(logits, score, images)
    curve, _ = risk_coverage(best_probability(logits, temperature).double().numpy(), score)
    effective = min(effective_size(score, images), float(len(score)))
    return Calibration(temperature, len(score), levels(curve), effective=effective)


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
