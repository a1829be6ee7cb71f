"""Judging of answers: sure or not by a threshold that somebody chose, else judged by nobody."""

from __future__ import annotations

from collections.abc import Sequence

from askattend.metrics.calibration import MOST_UNKNOWN, NOT_JUDGED, Calibration
from askattend.runs.answer import Answer


def chosen_threshold(calibration: Calibration | None) -> float | None:
    """Return the least probability to be sure with; None where no risk was chosen."""
    if calibration is None or calibration.abstain_above_risk is None:
        return None
    return calibration.threshold()


def is_sure(probability: float, threshold: float | None, *, unknown: float) -> bool | None:
    """Judge an answer; None where there is nothing to judge it by.

    Args:
        probability: its own.
        threshold: the least to be sure with; None where none was chosen.
        unknown: share of the question's words that are not known, of which `MOST_UNKNOWN` at most
            leave any probability enough.
    """
    if unknown > MOST_UNKNOWN:
        return False
    return None if threshold is None else probability >= threshold


def unjudged(answers: Sequence[Answer], calibration: Calibration | None) -> tuple[str, ...]:
    """Say what nobody judged of a run's answers, and why: ``"sure: not judged, as …"``.

    Args:
        answers: all that are told together.
        calibration: what validation taught the run.
    """
    told = []
    if open_ones := [answer for answer in answers if answer.sure is None]:
        others = "" if len(open_ones) == len(answers) else " of the others"
        told.append(f"sure{others}: {NOT_JUDGED}, as {_why(calibration)}")
    if any(answer.unlike_training is None for answer in answers):
        told.append(
            f"picture unlike those of training: {NOT_JUDGED}, as the run knows too little of these"
        )
    return tuple(told)


def _why(calibration: Calibration | None) -> str:
    if calibration is None:
        return "the run was never evaluated"
    if calibration.abstain_above_risk is not None:
        return "abstention is switched off"
    if (advised := calibration.advised_risk) is not None:
        return f"no risk of being wrong was chosen (evaluate --abstain-above-risk {advised:g})"
    if not calibration.questions:
        return "there were no validation questions to judge by"
    questions = f"its {calibration.questions:,} validation questions"
    return f"{questions} are too few, or too many of them answered wrongly, to judge by"
