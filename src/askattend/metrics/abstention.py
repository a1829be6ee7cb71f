"""Abstaining on a split by a threshold that validation chose: what is answered, what is wrong."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import msgspec
import numpy as np

from askattend.metrics.calibration import ADVISED, Calibration
from askattend.metrics.risk_coverage import least_questions
from askattend.metrics.shares import share_interval

Array = np.ndarray[Any, np.dtype[np.float64]]


class Abstention(msgspec.Struct, frozen=True):
    """Coverage and risk on a split when unsure answers are not given.

    Attributes:
        risk: the share of wrong answers that `ask` is to stay within, 0 to 1.
        threshold: the least probability that it answers with, chosen on the validation questions;
            0 if with any, above 1 if it never does.
        coverage: share of the split's questions that it answers, 0 to 1.
        answered: how many those are.
        achieved_risk: 1 - accuracy among those, 0 to 1; None where it answers none.
        interval: of that, 95 %, see `share_interval`; None likewise.
        in_sample: how many of the split's questions the threshold was chosen on.
        valid_coverage: share of the validation questions that it answers.
        valid_answered: how many those are: what the threshold rests on.
        valid_questions: of how many.
    """

    risk: float
    threshold: float
    coverage: float
    answered: int
    achieved_risk: float | None
    interval: tuple[float, float] | None
    in_sample: int
    valid_coverage: float
    valid_answered: int
    valid_questions: int


def abstention(
    calibration: Calibration,
    probability: Array,
    score: Array,
    images: Sequence[Hashable],
    *,
    in_sample: int = 0,
) -> Abstention | None:
    """Apply the threshold of a calibration to questions; None where it is to keep no risk.

    Args:
        calibration: learnt on validation.
        probability: of each question's answer, tempered.
        score: how right each is, 0 to 1.
        images: the image of each.
        in_sample: how many of them the calibration was learnt from.
    """
    if (risk := calibration.abstain_above_risk) is None:
        return None
    threshold = calibration.threshold()
    given = np.flatnonzero(probability >= threshold)
    wrong, valid = 1 - score[given], calibration.answered(threshold)
    return Abstention(
        risk,
        threshold,
        len(given) / len(score),
        len(given),
        float(wrong.mean()) if len(given) else None,
        share_interval(wrong, [images[i] for i in given.tolist()]) if len(given) else None,
        in_sample,
        valid / calibration.questions,
        valid,
        calibration.questions,
    )


def how_to_abstain(advised: float | None, questions: int) -> str:
    """Say how to have `ask` abstain, by a risk that validation shows how to keep, or what it takes.

    Args:
        advised: see `Calibration.advised_risk`.
        questions: of validation.
    """
    if advised is not None:
        return (
            f'After `evaluate --abstain-above-risk {advised:g}`, `ask` says "not sure" where more '
            f"than {advised:.0%} of its answers could be wrong."
        )
    if not questions:
        return 'There were no validation questions to learn from when `ask` is "not sure".'
    least, most = least_questions(ADVISED[0]), ADVISED[-1]
    return (
        f'No risk up to {most:.0%} can be chosen for `ask` to be "not sure" above: '
        f"{questions:,} validation questions do not show how to keep it. For {ADVISED[0]:.0%} it "
        f"takes {least:,.0f} at least, and more where some of the answers are wrong."
    )
