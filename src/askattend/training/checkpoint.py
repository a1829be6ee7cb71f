"""The last weights of a run, with all that training needs to go on from them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import msgspec
import torch
from torch import Tensor

from askattend.models import Network
from askattend.runs.run_folder import Run
from askattend.runs.tensor_files import strip_prefix
from askattend.training.history import Progress, TrainingHistory, WithinEpoch, decode_progress
from askattend.training.processes import Processes

# Generators of random numbers have their state under this prefix.
_RANDOM = "random."


@dataclass(frozen=True)
class Checkpoint:
    """How far a training had come.

    Attributes:
        history: its whole epochs.
        within: how far it had come within the next one; None at an epoch's end.
        random: the states of the generators of random numbers, within an epoch: device → state.
    """

    history: TrainingHistory = field(default_factory=TrainingHistory)
    within: WithinEpoch | None = None
    random: Mapping[str, Tensor] = field(default_factory=dict)

    def restore_random(self, device: torch.device) -> None:
        """Let random numbers go on from where they were; those of a GPU only if it was one."""
        if "cpu" in self.random:
            torch.set_rng_state(self.random["cpu"])
        if "cuda" in self.random and device.type == "cuda":
            torch.cuda.set_rng_state(self.random["cuda"], device)


def save_checkpoint(
    run: Run,
    model: Network,
    optimizer: torch.optim.Optimizer,
    history: TrainingHistory,
    within: WithinEpoch | None = None,
) -> None:
    """Write weights, the optimizer's moments under their parameters' names, and how far it came."""
    tensors = {
        f"optimizer.{name}.{key}": value
        for name, parameter in model.named_parameters()
        for key, value in optimizer.state[parameter].items()
        if value is not None
    }
    if within is not None:
        tensors |= _random_states(next(model.parameters()).device)
    run.save_progress(model, tensors, msgspec.json.encode(Progress(history, within)))


def load_checkpoint(run: Run, model: Network, optimizer: torch.optim.Optimizer) -> Checkpoint:
    """Put the last weights and moments back; return how far training had come, if it had begun.

    Raises:
        RunError: the last weights are unreadable or do not fit.
    """
    saved = run.load_progress(model)
    if saved is None:
        return Checkpoint()
    tensors, state = saved
    for name, parameter in model.named_parameters():
        for key, value in strip_prefix(f"optimizer.{name}.", tensors).items():
            # Adam's step count stays a scalar on the CPU unless fused, where it joins the others.
            optimizer.state[parameter][key] = value.to(parameter.device)
    progress = decode_progress(state)
    return Checkpoint(progress.history, progress.within, strip_prefix(_RANDOM, tensors))


def resumed(
    run: Run, model: Network, optimizer: torch.optim.Optimizer, processes: Processes
) -> Checkpoint:
    """Load the checkpoint in the first process, and give weights and moments to all others."""
    begun = processes.first_does(lambda: load_checkpoint(run, model, optimizer))
    if processes.count == 1:
        return begun
    # The first may be the only one that sees the run folder.
    moments = processes.first_does(lambda: _moments(model, optimizer))
    if not processes.first:
        for parameter, values in zip(model.parameters(), moments, strict=True):
            for key, value in values.items():
                optimizer.state[parameter][key] = value.to(parameter.device)
    processes.take_from_first(model.state_dict().values())
    return begun


@dataclass
class Timer:
    """A clock that says when the next checkpoint within an epoch is due.

    Args:
        minutes: between two of them; 0 for never.
        clock: tells the time in seconds.
    """

    minutes: float
    clock: Callable[[], float] = time.monotonic

    def __post_init__(self) -> None:
        self._last = self.clock()

    def due(self) -> bool:
        """Return True, and begin anew, if so many minutes have gone by."""
        if not self.minutes or self.clock() - self._last < 60 * self.minutes:
            return False
        self._last = self.clock()
        return True


def _moments(model: Network, optimizer: torch.optim.Optimizer) -> list[dict[str, Tensor]]:
    """Copy an optimizer's tensors to the processor's memory, parameter by parameter."""
    return [
        {key: value.cpu() for key, value in optimizer.state[parameter].items() if value is not None}
        for parameter in model.parameters()
    ]


def _random_states(device: torch.device) -> dict[str, Tensor]:
    states = {f"{_RANDOM}cpu": torch.get_rng_state()}
    if device.type == "cuda":
        states[f"{_RANDOM}cuda"] = torch.cuda.get_rng_state(device)
    return states
