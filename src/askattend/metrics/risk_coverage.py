"""Risk against coverage, and the greatest coverage at which questions show that a risk is kept.

A share of wrong answers that was just reached on some questions is, on others, exceeded as often as
not, and more often where a threshold was picked among many. So what is shown here is an upper bound
(Clopper & Pearson 1934, one-sided), and the thresholds share its doubt of 5 %.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from typing import Any

import msgspec
import numpy as np

from askattend.settings import ClosedFraction

Array = np.ndarray[Any, np.dtype[np.float64]]

# A plot cannot show more points of a curve than this.
POINTS = 200
# Chance that more than the risk's share of the answers are wrong, although it counts as shown.
DOUBT = 0.05
# Coverage of a level as a share of the one above. Not greater: with one level more, each has less
# of the doubt, and enough right answers for one level must be enough for two.
STEP = 0.8


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


Curve = tuple[RiskCoveragePoint, ...]


def risk_coverage(probability: Array, score: Array) -> tuple[Curve, float]:
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


def thinned(curve: Curve) -> Curve:
    """Thin a curve for plots: 200 of its points at most, its ends among them."""
    indices = np.unique(np.linspace(0, len(curve) - 1, POINTS).round().astype(int))
    return tuple(curve[index] for index in indices)


def levels(curve: Curve) -> Curve:
    """Keep the points at which a risk may be shown: coverages of 1, 0.8, 0.64, …, rising.

    How many there are, and where, no answer's being right has a part in: else they would be picked
    for what chance gave them. The levels of levels are the same.
    """
    coverages, found = [point.coverage for point in curve], dict[int, RiskCoveragePoint]()
    # A little more, since powers are rounded.
    most = 1 + 1e-9
    while at := bisect_right(coverages, most):
        found[at] = curve[at - 1]
        most *= STEP
    return tuple(point for _, point in sorted(found.items()))


def least_questions(risk: float) -> float:
    """Return how many right answers in a row it takes to show a risk, at 95 %.

    If more than `risk` were wrong, so many would all be right with a chance of less than 5 %:
    (1 - risk)ⁿ ≤ 0.05. About 3/risk: 29 for 0.1, 299 for 0.01; infinitely many for 0.
    """
    if risk <= 0:
        return math.inf
    return 0.0 if risk >= 1 else math.ceil(math.log(DOUBT) / math.log1p(-risk))


def shown(curve: Curve, questions: float, risk: float) -> RiskCoveragePoint | None:
    """Find the point of greatest coverage of which these questions show that it keeps a risk.

    The levels share the doubt equally, from the least coverage up; one that is shown leaves its
    part to the next. So it is wrong in 5 % of all draws of the questions at most, whichever level
    it chooses (the fallback procedure: Wiens & Dmitrienko 2005).

    Args:
        curve: of the questions; its `levels` are enough.
        questions: how many independent ones they are worth.
        risk: the share of wrong answers to stay within, 0 to 1, both not included.

    Returns:
        None where it is shown of no point.
    """
    least, found, doubt = least_questions(risk), None, 0.0
    tried = [point for point in levels(curve) if point.coverage * questions >= least]
    for point in tried:
        doubt += DOUBT / len(tried)
        if chance_of_so_few(point.risk, point.coverage * questions, risk) <= doubt:
            found = point
        else:
            doubt = 0.0
    return found


def chance_of_so_few(share: float, size: float, risk: float) -> float:
    """Return how likely no more than a share of answers is wrong, were each wrong by `risk`.

    It is the binomial distribution's lower tail, between whole numbers by the beta distribution:
    what Clopper & Pearson's upper bound is defined by.
    """
    from scipy.special import betainc  # which answering without a risk to keep does not need

    if share >= 1:
        return 1.0
    wrong = max(share, 0.0) * size
    return 1.0 - float(betainc(wrong + 1, size - wrong, risk))
