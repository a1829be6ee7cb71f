"""Preparing a module for its checks: a copy, and sizes that it can be called with."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from itertools import product
from typing import Any

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from askattend.checking.module_under_test import WHERE, ModuleUnderTest, Sizes
from askattend.errors import ConfigError

QUESTIONS = 5
# Square, so that a module may lay them out as a grid; the last two are those of real features.
REGIONS = (16, 25, 196, 49)
# The width tried with a module that has no parameters to tell its own.
ANY_DIM = 8
# Every weight is moved by about this much: a layer that begins at zero hides what is before it.
NUDGE = 0.05

_CALLS = {
    False: "It is called as forward(regions, question)",
    True: "It is called as forward(project(regions), question, image_index)",
}
_SHAPES = "regions are {} × regions × region_dim, question is questions × question_dim."
_WIDTHS = " If these widths are wrong, give region_dim=… and question_dim=…."


def prepare(module: nn.Module, *, sizes: Sizes, seed: int) -> ModuleUnderTest:
    """Copy a module, and find sizes that it can be called with.

    Widths that are not given are tried among those that occur in its parameters.

    Raises:
        ConfigError: it cannot be called, or not copied.
    """
    module = _nudge(_copy(module), seed)
    guesses = list(_guesses(module, sizes))
    for dims in guesses:
        tested = _with_inputs(module, sizes, dims, seed)
        if _error(tested) is None:
            return tested
    raise _uncallable(module, sizes, guesses[0][2], seed)


def require_module(module: Any) -> None:
    """Raise unless this is a module.

    Raises:
        ConfigError: it is a class, or something else.
    """
    if isinstance(module, type):
        name = module.__name__
        remedy = f"Give an attention of that class: {name}(…)."
        raise ConfigError(f"{name} is a class", where=WHERE, remedy=remedy)
    if not isinstance(module, nn.Module):
        problem = f"{type(module).__name__} is not a torch.nn.Module"
        raise ConfigError(problem, where=WHERE, remedy="Derive it from torch.nn.Module.")


def _copy(module: nn.Module) -> nn.Module:
    for name, tensor in (*module.named_parameters(), *module.named_buffers()):
        if is_lazy(tensor):
            remedy = "Call the module once, or give its layers their sizes."
            raise ConfigError(f"'{name}' has no size yet", where=WHERE, remedy=remedy)
    try:
        copied: nn.Module = copy.deepcopy(module).cpu().float().eval()
        return copied
    except Exception as error:
        raise ConfigError(
            f"{type(module).__name__} cannot be copied ({_in_a_line(error)})",
            where=WHERE,
            remedy="Keep tensors as parameters or buffers: nn.Parameter(…), register_buffer(…).",
        ) from error


def _nudge(module: nn.Module, seed: int) -> nn.Module:
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(NUDGE * torch.randn(parameter.shape, generator=generator))
    return module


def _guesses(module: nn.Module, sizes: Sizes) -> Iterator[tuple[int, int, int]]:
    """Yield (region_dim, question_dim, regions) to try, the likeliest first."""
    in_weights = {size for parameter in module.parameters() for size in parameter.shape} - {1}
    widths = sorted(in_weights, reverse=True) or [ANY_DIM]
    known_region, known_question = sizes.region_dim, sizes.question_dim
    if sizes.network == "san":  # where regions are as wide as the question
        known_region = known_question = known_region or known_question
    region_dims = [known_region] if known_region else widths
    question_dims = [known_question] if known_question else widths
    # Numbers of regions that could be mistaken for another dimension come last.
    confusing = {QUESTIONS, sizes.glimpses, *in_weights}
    counts = sorted(REGIONS, key=lambda count: count in confusing)
    for regions in [sizes.regions] if sizes.regions else counts:
        for region_dim, question_dim in product(region_dims, question_dims):
            if sizes.network == "saaa" or region_dim == question_dim:
                yield region_dim, question_dim, regions


def _with_inputs(
    module: nn.Module, sizes: Sizes, dims: tuple[int, int, int], seed: int
) -> ModuleUnderTest:
    """Draw inputs as large as the network makes them: SAAA's regions have length 1."""
    region_dim, question_dim, count = dims
    generator = torch.Generator().manual_seed(seed)
    regions = torch.randn(QUESTIONS, count, region_dim, generator=generator)
    question = torch.randn(QUESTIONS, question_dim, generator=generator)
    san = sizes.network == "san"
    return ModuleUnderTest(
        module=module,
        network=sizes.network,
        glimpses=1 if san else sizes.glimpses,
        regions=regions.tanh() if san else regions / regions.norm(dim=-1, keepdim=True),
        question=question.tanh() if san else question / question.norm(dim=-1, keepdim=True),
        seed=seed,
    )


def _error(tested: ModuleUnderTest) -> Exception | None:
    try:
        tested.scores()
    except Exception as error:  # somebody else's code may raise anything
        return error
    return None


def _uncallable(module: nn.Module, sizes: Sizes, regions: int, seed: int) -> ConfigError:
    """Return the error of the likeliest sizes: those given, or the widths of two first layers."""
    inputs = [p.shape[1] for p in module.parameters() if p.ndim > 1] or [ANY_DIM]
    region_dim = sizes.region_dim or inputs[0]
    second = inputs[1] if sizes.network == "saaa" and len(inputs) > 1 else region_dim
    question_dim = sizes.question_dim or second
    error = _error(_with_inputs(module, sizes, (region_dim, question_dim, regions), seed))
    projects = hasattr(module, "project")
    shapes = _SHAPES.format("images" if projects else "questions")
    hint = "" if sizes.region_dim and sizes.question_dim else _WIDTHS
    return ConfigError(
        f"{type(module).__name__} cannot be called with region_dim {region_dim}, "
        f"question_dim {question_dim} and {regions} regions ({_in_a_line(error)})",
        where=WHERE,
        remedy=f"{_CALLS[projects]}: {shapes}{hint}",
    )


def _in_a_line(error: Exception | None) -> str:
    text = " ".join(str(error).split()).rstrip(".")
    return f"{type(error).__name__}: {text}"
