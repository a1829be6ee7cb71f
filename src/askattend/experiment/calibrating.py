"""Learning from validation: a temperature, and when `ask` is not sure."""

from __future__ import annotations

from msgspec.structs import replace
from rich.console import Console

from askattend.batching.batches import Batches
from askattend.errors import ConfigError
from askattend.evaluation.answers import fit_calibration
from askattend.metrics.calibration import Calibration
from askattend.runs.predictor import Predictor


def calibrate_run(
    predictor: Predictor,
    valid: Batches | None,
    abstain_above_risk: float | None,
    *,
    abstention: bool,
    keep: bool = True,
    console: Console,
) -> Calibration | None:
    """Learn from validation how far the run's probabilities can be trusted, and save it in the run.

    Without validation questions, what an earlier evaluation learnt stays, if there was one. So does
    the risk to stay below, where none is named and abstention is not switched off.

    Args:
        predictor: the run.
        valid: validation questions, if they are to be had.
        abstain_above_risk: the risk to stay below; None for the one before.
        abstention: False to answer always from now on.
        keep: False to leave the run as it is, and answer so here alone.
        console: where the progress bar goes.

    Raises:
        ConfigError: a risk is named, and there is nothing, or too little, to learn from how to
            keep it.
    """
    before = predictor.calibration
    found = before if valid is None else fit_calibration(predictor, valid, console=console)
    if found is None:
        if abstain_above_risk is not None:
            raise ConfigError(
                "there are no validation questions to learn it from",
                where="abstain_above_risk",
                remedy="Leave it out, or evaluate beside the data that the run was trained on.",
            )
        return None
    if abstain_above_risk is not None:
        found.require_shown(abstain_above_risk, where="abstain_above_risk")
    elif abstention and before is not None:
        abstain_above_risk = before.abstain_above_risk
    found = replace(found, abstain_above_risk=abstain_above_risk)
    if keep:
        predictor.recalibrate(found)
    else:
        predictor.calibrate(found)
    return found
