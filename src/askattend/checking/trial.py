"""A copy of somebody's attention module, and small random inputs that fit it."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import product
from typing import Any, Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from askattend.errors import ConfigError
from askattend.settings import Positive, check

Network = Literal["saaa", "san"]

WHERE = "askattend.check"
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


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """What the caller knows of the module; None where it is to be found out."""

    network: Network
    region_dim: Positive | None = None
    question_dim: Positive | None = None
    regions: Positive | None = None
    glimpses: Positive | None = None

    def __post_init__(self) -> None:
        check(self)
        dims = {self.region_dim, self.question_dim} - {None}
        if self.network == "san" and len(dims) > 1:
            problem = f"region_dim {self.region_dim} and question_dim {self.question_dim} differ"
            remedy = "SAN brings both to the width of the question's vector."
            raise ConfigError(problem, where=WHERE, remedy=remedy)


@dataclass(frozen=True, kw_only=True)
class Trial:
    """A module on the bench: in evaluation mode unless a check says otherwise.

    Attributes:
        module: a copy, so that the caller's own is left as it is.
        network: the one it is meant for.
        glimpses: the number of maps it should give, if known.
        regions: as the network would hand them over, one image a question.
        question: likewise.
        seed: of whatever else is drawn.
    """

    module: nn.Module
    network: Network
    glimpses: int | None
    regions: Float[Tensor, "images regions region_dim"]
    question: Float[Tensor, "questions question_dim"]
    seed: int

    def scores(
        self,
        regions: Float[Tensor, "images regions region_dim"] | None = None,
        question: Float[Tensor, "questions question_dim"] | None = None,
        image_index: Int[Tensor, " questions"] | None = None,
    ) -> Any:
        """Whatever the module makes of the inputs; those left out are the trial's own.

        As `askattend.models.attention.fitted` calls it, but with no promise of the result's shape.
        It gets copies: what it does to them in place is for one check alone to find.
        """
        regions = (self.regions if regions is None else regions).clone()
        question = (self.question if question is None else question).clone()
        index = torch.arange(len(question)) if image_index is None else image_index
        module: Any = self.module
        if hasattr(module, "project"):
            return module(module.project(regions), question, index)
        return module(regions[index], question)

    def sizes(self) -> Sizes:
        """Everything about its sizes, as it is known by now."""
        return Sizes(
            network=self.network,
            region_dim=self.regions.shape[2],
            question_dim=self.question.shape[1],
            regions=self.regions.shape[1],
            glimpses=self.glimpses,
        )

    @property
    def tolerance(self) -> float:
        """How far two scores that should be equal may be apart."""
        return 1e-9 if self.regions.dtype == torch.float64 else 1e-4

    def same(self, ours: Tensor, theirs: Tensor) -> bool:
        """Whether two tensors are equal, up to rounding."""
        if ours.shape != theirs.shape:
            return False
        largest = float(theirs.detach().abs().max())
        return bool((ours - theirs).abs().max() <= self.tolerance * (1 + largest))

    def generator(self) -> torch.Generator:
        """A fresh source of random numbers."""
        return torch.Generator().manual_seed(self.seed + 1)

    @contextmanager
    def same_draws(self) -> Iterator[None]:
        """Whatever is drawn in here is drawn alike each time, even dropout that is never off."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            yield

    def cast(self, dtype: torch.dtype) -> Trial:
        """The same in another floating type."""
        return replace(
            self,
            module=copy.deepcopy(self.module).to(dtype),
            regions=self.regions.to(dtype),
            question=self.question.to(dtype),
        )


def found_trial(module: nn.Module, *, sizes: Sizes, seed: int) -> Trial:
    """A trial with sizes that the module can be called with.

    Widths that are not given are tried among those that occur in its parameters.

    Raises:
        ConfigError: it cannot be called, or not copied.
    """
    module = _nudged(_copied(module), seed)
    guesses = list(_guesses(module, sizes))
    for dims in guesses:
        trial = _trial(module, sizes, dims, seed)
        if _error(trial) is None:
            return trial
    raise _uncallable(module, sizes, guesses[0][2], seed)


def _copied(module: Any) -> nn.Module:
    if isinstance(module, type):
        name = module.__name__
        remedy = f"Give an attention of that class: {name}(…)."
        raise ConfigError(f"{name} is a class", where=WHERE, remedy=remedy)
    if not isinstance(module, nn.Module):
        problem = f"{type(module).__name__} is not a torch.nn.Module"
        raise ConfigError(problem, where=WHERE, remedy="Derive it from torch.nn.Module.")
    try:
        copied: nn.Module = copy.deepcopy(module).cpu().float().eval()
        return copied
    except Exception as error:
        raise ConfigError(
            f"{type(module).__name__} cannot be copied ({_said(error)})",
            where=WHERE,
            remedy="Keep tensors as parameters or buffers: nn.Parameter(…), register_buffer(…).",
        ) from error


def _nudged(module: nn.Module, seed: int) -> nn.Module:
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            if isinstance(parameter, nn.UninitializedParameter):
                raise ConfigError(
                    f"'{name}' has no size yet",
                    where=WHERE,
                    remedy="Call the module once, or give its layers their sizes.",
                )
            parameter.add_(NUDGE * torch.randn(parameter.shape, generator=generator))
    return module


def _guesses(module: nn.Module, sizes: Sizes) -> Iterator[tuple[int, int, int]]:
    """(region_dim, question_dim, regions) to try, the likeliest first."""
    seen = {size for parameter in module.parameters() for size in parameter.shape} - {1}
    widths = sorted(seen, reverse=True) or [ANY_DIM]
    known_region, known_question = sizes.region_dim, sizes.question_dim
    if sizes.network == "san":
        known_region = known_question = known_region or known_question
    region_dims = [known_region] if known_region else widths
    question_dims = [known_question] if known_question else widths
    # Numbers of regions that could be mistaken for another dimension come last.
    confusing = {QUESTIONS, sizes.glimpses, *seen}
    counts = sorted(REGIONS, key=lambda count: count in confusing)
    for regions in [sizes.regions] if sizes.regions else counts:
        for region_dim, question_dim in product(region_dims, question_dims):
            if sizes.network == "saaa" or region_dim == question_dim:
                yield region_dim, question_dim, regions


def _trial(module: nn.Module, sizes: Sizes, dims: tuple[int, int, int], seed: int) -> Trial:
    """Random inputs as large as the network makes them: SAAA's regions have length 1."""
    region_dim, question_dim, count = dims
    generator = torch.Generator().manual_seed(seed)
    regions = torch.randn(QUESTIONS, count, region_dim, generator=generator)
    question = torch.randn(QUESTIONS, question_dim, generator=generator)
    san = sizes.network == "san"
    return Trial(
        module=module,
        network=sizes.network,
        glimpses=1 if san else sizes.glimpses,
        regions=regions.tanh() if san else regions / regions.norm(dim=-1, keepdim=True),
        question=question.tanh() if san else question / question.norm(dim=-1, keepdim=True),
        seed=seed,
    )


def _error(trial: Trial) -> Exception | None:
    try:
        trial.scores()
    except Exception as error:  # somebody else's code may raise anything
        return error
    return None


def _uncallable(module: nn.Module, sizes: Sizes, regions: int, seed: int) -> ConfigError:
    """The error of the likeliest sizes: those given, or else the widths of the first two layers."""
    inputs = [p.shape[1] for p in module.parameters() if p.ndim > 1] or [ANY_DIM]
    region_dim = sizes.region_dim or inputs[0]
    second = inputs[1] if sizes.network == "saaa" and len(inputs) > 1 else region_dim
    question_dim = sizes.question_dim or second
    error = _error(_trial(module, sizes, (region_dim, question_dim, regions), seed))
    projects = hasattr(module, "project")
    shapes = _SHAPES.format("images" if projects else "questions")
    hint = "" if sizes.region_dim and sizes.question_dim else _WIDTHS
    return ConfigError(
        f"{type(module).__name__} cannot be called with region_dim {region_dim}, "
        f"question_dim {question_dim} and {regions} regions ({_said(error)})",
        where=WHERE,
        remedy=f"{_CALLS[projects]}: {shapes}{hint}",
    )


def _said(error: Exception | None) -> str:
    """An exception in a line."""
    text = " ".join(str(error).split()).rstrip(".")
    return f"{type(error).__name__}: {text}"
