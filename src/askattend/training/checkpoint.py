"""The last weights of a run, with all that training needs to go on from them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import msgspec
import torch
from torch import Tensor

from askattend.errors import RunError
from askattend.models import Network
from askattend.runs.run_folder import WEIGHTS, Run
from askattend.runs.tensor_files import strip_prefix
from askattend.training.history import Progress, TrainingHistory, WithinEpoch, decode_progress
from askattend.training.processes import Processes
from askattend.training.weight_averaging import AVERAGE, AVERAGED, keeps_average

# What the optimizer keeps of each parameter, and generators of random numbers, have a prefix each.
_MOMENT, _RANDOM = "optimizer.", "random."
# What it keeps, by its kind, and what of it is a number.
_KEPT: Mapping[type[torch.optim.Optimizer], frozenset[str]] = MappingProxyType(
    {
        torch.optim.AdamW: frozenset({"step", "exp_avg", "exp_avg_sq"}),
        torch.optim.SGD: frozenset({"momentum_buffer"}),
    }
)
_COUNTS = frozenset({"step", AVERAGED})


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
    moments = dict(zip(_names(model), _moments(model, optimizer), strict=True))
    tensors = {f"{_MOMENT}{n}.{key}": t for n, own in moments.items() for key, t in own.items()}
    if within is not None:
        tensors |= _random_states(next(model.parameters()).device)
    without = tuple(name for name, own in moments.items() if not own)
    run.save_progress(model, tensors, msgspec.json.encode(Progress(history, within, without)))


def load_checkpoint(run: Run, model: Network, optimizer: torch.optim.Optimizer) -> Checkpoint:
    """Put the last weights and moments back; return how far training had come, if it had begun.

    Raises:
        RunError: the last weights, or what stands beside them, are unreadable or do not fit.
    """
    saved = run.load_progress(model)
    if saved is None:
        return Checkpoint()
    tensors, state = saved
    progress = decode_progress(state, run)
    if (problem := _problem(tensors, model, optimizer, progress)) is not None:
        where = run.folder / WEIGHTS["last"]
        remedy = "Copy the whole run folder, or train into another --out."
        raise RunError(problem, where=where, remedy=remedy)
    for name, parameter in model.named_parameters():
        for key, value in strip_prefix(f"{_MOMENT}{name}.", tensors).items():
            # Adam's step count stays a scalar on the CPU unless fused, where it joins the others.
            optimizer.state[parameter][key] = value.to(parameter.device)
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


def _problem(
    tensors: Mapping[str, Tensor],
    model: Network,
    optimizer: torch.optim.Optimizer,
    progress: Progress,
) -> str | None:
    """Say what is wrong with the tensors beside the last weights; None if nothing is."""
    wanted: dict[str, tuple[tuple[int, ...], torch.dtype]] = {}
    for name, parameter in model.named_parameters():
        if name not in progress.without_moments:
            for key in _kept(optimizer):
                shape = () if key in _COUNTS else tuple(parameter.shape)
                wanted[f"{_MOMENT}{name}.{key}"] = (shape, parameter.dtype)
    random = {name: tensor for name, tensor in tensors.items() if name.startswith(_RANDOM)}
    moments = tensors.keys() - random.keys()
    if odd := sorted(moments ^ wanted.keys()):
        return f"{'holds' if odd[0] in moments else 'lacks'} the tensor '{odd[0]}'"
    for name, (shape, dtype) in wanted.items():
        if (tuple(tensors[name].shape), tensors[name].dtype) != (shape, dtype):
            return f"'{name}' is not {dtype} of shape {list(shape)}"
        if not torch.isfinite(tensors[name]).all():
            return f"'{name}' holds values that are not finite"
    return _random_problem(random, within=progress.within is not None)


def _kept(optimizer: torch.optim.Optimizer) -> frozenset[str]:
    averages = {AVERAGE, AVERAGED} if keeps_average(optimizer) else set()
    return _KEPT[type(optimizer)] | averages


def _random_problem(states: Mapping[str, Tensor], *, within: bool) -> str | None:
    """Say what is wrong with the states of random numbers, which are kept within an epoch alone."""
    needed = {f"{_RANDOM}cpu"} if within else set()
    possible = needed | {f"{_RANDOM}cuda"} if within else set()
    if not needed <= states.keys() <= possible:
        return "holds no states of random numbers that fit how far training had come"
    for name, state in states.items():
        try:
            if state.dtype != torch.uint8 or state.ndim != 1:
                raise RuntimeError("it is not a row of bytes")
            if name == f"{_RANDOM}cpu":
                torch.Generator().set_state(state)
        except RuntimeError as error:
            return f"'{name}' is no state of random numbers ({error})"
    return None


def _names(model: Network) -> list[str]:
    return [name for name, _ in model.named_parameters()]


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
