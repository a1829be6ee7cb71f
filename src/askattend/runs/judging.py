"""Judging of answers: sure or not by a threshold that somebody chose, else judged by nobody."""

from __future__ import annotations

from askattend.metrics.calibration import MOST_UNKNOWN, NOT_JUDGED, Calibration


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


def unjudged(
    threshold: float | None, calibration: Calibration | None, *, knows_pictures: bool
) -> tuple[str, ...]:
    """Say what nobody judges of a run's answers, and why: ``"sure: not judged, as …"``.

    Args:
        threshold: the least probability to be sure with; None where none was chosen.
        calibration: what validation taught.
        knows_pictures: True where the run tells pictures unlike those of training.
    """
    told = []
    if threshold is None:
        told.append(f"sure: {NOT_JUDGED}, as {_why(calibration)}")
    if not knows_pictures:
        told.append(
            f"picture unlike those of training: {NOT_JUDGED}, as the run knows too little of these"
        )
    return tuple(told)


def _why(calibration: Calibration | None) -> str:
    if calibration is None:
        return "the run was never evaluated"
    if calibration.abstain_above_risk is not None:
        return "abstention is switched off"
    advised = calibration.advised_risk
    how = f" (evaluate --abstain-above-risk {advised:g})" if advised else ""
    return f"no risk of being wrong was chosen{how}"
