"""The last weights of a run, with all that training needs to go on from them."""

from __future__ import annotations

import msgspec
import torch

from askattend.models import Network
from askattend.runs.run_folder import Run
from askattend.runs.tensor_files import strip_prefix
from askattend.training.history import TrainingHistory, decode_history


def save_checkpoint(
    run: Run, model: Network, optimizer: torch.optim.Optimizer, history: TrainingHistory
) -> None:
    """Write weights, the optimizer's moments under their parameters' names, and the history."""
    moments = {
        f"optimizer.{name}.{key}": value
        for name, parameter in model.named_parameters()
        for key, value in optimizer.state[parameter].items()
        if value is not None
    }
    run.save_progress(model, moments, msgspec.json.encode(history))


def load_checkpoint(run: Run, model: Network, optimizer: torch.optim.Optimizer) -> TrainingHistory:
    """Put the last epoch's weights and moments back; return the history, empty if there is none.

    Raises:
        RunError: the last weights are unreadable or do not fit.
    """
    progress = run.load_progress(model)
    if progress is None:
        return TrainingHistory()
    moments, state = progress
    for name, parameter in model.named_parameters():
        for key, value in strip_prefix(f"optimizer.{name}.", moments).items():
            # Adam's step count stays a scalar on the CPU unless fused, where it joins the others.
            optimizer.state[parameter][key] = value.to(parameter.device)
    return decode_history(state)
