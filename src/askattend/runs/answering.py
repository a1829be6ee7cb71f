"""A run's network on the device and in the precision that it is to answer in."""

from __future__ import annotations

from typing import get_args

import torch

from askattend.devices import AnsweringPrecision, pick_device, pick_precision, require_precision
from askattend.errors import ConfigError
from askattend.models import Network
from askattend.models.kernels.int8 import round_to_eight_bits
from askattend.runs.run_folder import Run


def notes_on_float32(run: Run, device: str = "cpu") -> list[str]:
    """Say where what is computed in float32 is not what the run answers on this device."""
    target = pick_device(device)
    if pick_precision(run.precision, target) is torch.float32:
        return []
    return [
        "computed in float32, while answers here are in bfloat16 (ask --precision float32 has "
        "these): probabilities differ little, and more on pictures unlike those of training"
    ]


def load_to_answer(run: Run, *, device: str, precision: AnsweringPrecision | None) -> Network:
    """Load a run's best weights; see `Predictor.load` for what is named."""
    if precision is not None:
        require_precision(precision, get_args(AnsweringPrecision))
    chosen = run.precision if precision is None else precision
    target = pick_device("cpu" if (device, chosen) == ("auto", "int8") else device)
    if chosen != "int8":
        return run.load_model().to(target, pick_precision(chosen, target))
    if target.type != "cpu":
        raise ConfigError(
            f"weights of 8 bits are multiplied on a processor, not on {target}",
            where="precision",
            remedy='Set device="cpu", or another precision.',
        )
    model = run.load_model().float()
    round_to_eight_bits(model)
    return model
