"""An average of the weights that training goes through, by which a network is judged and kept.

Averaging Weights Leads to Wider Optima (Izmailov et al. 2018), as a moving average.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

# What the optimizer keeps of each parameter beside its own: the average, and of how many steps.
AVERAGE, AVERAGED = "average", "averaged"
_STEPS = "average_steps"  # a setting of the optimizer's groups


def keep_average(optimizer: torch.optim.Optimizer, steps: float) -> None:
    """Let an optimizer keep an average of the weights after each of its steps.

    It is the mean of all steps as long as they are fewer than `steps`; then a step's weights count
    1/`steps`, and those before them ever less. It is part of the optimizer's state, and so goes
    wherever Adam's moments go: into checkpoints, to other processes, into a CUDA graph.

    Args:
        optimizer: fresh.
        steps: over which to average; 1 or fewer for none.
    """
    if steps <= 1:
        return
    for group in optimizer.param_groups:
        group[_STEPS] = float(steps)
    optimizer.register_step_post_hook(_add_to_average)


def keeps_average(optimizer: torch.optim.Optimizer) -> bool:
    """Return True where an optimizer was told to `keep_average`."""
    return _STEPS in optimizer.param_groups[0]


@contextmanager
def averaged_weights(model: nn.Module, optimizer: torch.optim.Optimizer) -> Iterator[None]:
    """Put the averages in the weights' place within a ``with`` block, where there are any.

    Values are exchanged, and no memory: a CUDA graph knows weights by their place.
    """
    averages = {
        parameter: optimizer.state[parameter][AVERAGE]
        for parameter in model.parameters()
        if AVERAGE in optimizer.state.get(parameter, {})
    }
    before = {parameter: parameter.detach().clone() for parameter in averages}
    _copy(averages)
    try:
        yield
    finally:
        _copy(before)


@torch.no_grad()
def _copy(values: dict[nn.Parameter, Tensor]) -> None:
    for parameter, value in values.items():
        parameter.copy_(value)


@torch.no_grad()
def _add_to_average(optimizer: torch.optim.Optimizer, *_: object) -> None:
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            # Without a gradient it has not moved, and an optimizer with a state of it would think
            # that its own had begun.
            if parameter.grad is None:
                continue
            state = optimizer.state[parameter]
            if AVERAGE not in state:
                state[AVERAGE] = parameter.detach().clone()
                state[AVERAGED] = torch.zeros((), device=parameter.device, dtype=parameter.dtype)
            # Counted where the weights are: a processor need not wait for a GPU.
            state[AVERAGED] += 1
            share = state[AVERAGED].clamp(max=group[_STEPS]).reciprocal()
            state[AVERAGE].lerp_(parameter, share)
