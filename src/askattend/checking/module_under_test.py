"""A copy of somebody's attention module, and inputs that fit it."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from askattend.errors import ConfigError
from askattend.settings import Positive, check

NetworkName = Literal["saaa", "san"]

WHERE = "askattend.check"

Mend = Callable[[Any], Tensor]


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """The sizes that a caller knows of a module; None for those to be found out."""

    network: NetworkName
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
class ModuleUnderTest:
    """A module with inputs; in evaluation mode unless a check says otherwise.

    Attributes:
        module: a copy, so that the caller's own is left as it is.
        network: the one it is meant for.
        glimpses: the number of maps it should give, if known.
        regions: as the network would hand them over, one image a question.
        question: likewise.
        seed: of all other random numbers.
        mend: what brings its scores into the right shape, so that more than that can be checked.
    """

    module: nn.Module
    network: NetworkName
    glimpses: int | None
    regions: Float[Tensor, "images regions region_dim"]
    question: Float[Tensor, "questions question_dim"]
    seed: int
    mend: Mend | None = None

    def scores(
        self,
        regions: Float[Tensor, "images regions region_dim"] | None = None,
        question: Float[Tensor, "questions question_dim"] | None = None,
        image_index: Int[Tensor, " questions"] | None = None,
    ) -> Any:
        """Return the module's result, whatever it is; inputs left out are its own.

        It is called as a network calls it, but with no promise of the result's shape. It gets
        copies: changes in place are for one check alone to find.
        """
        regions = (self.regions if regions is None else regions).clone()
        question = (self.question if question is None else question).clone()
        index = torch.arange(len(question)) if image_index is None else image_index
        module: Any = self.module
        if hasattr(module, "project"):
            return self.mended(module(module.project(regions), question, index))
        return self.mended(module(regions[index], question))

    def mended(self, scores: Any) -> Any:
        """Return scores in the right shape, where it is known how."""
        return scores if self.mend is None else self.mend(scores)

    def sizes(self) -> Sizes:
        """Return all its sizes, as they are known by now."""
        return Sizes(
            network=self.network,
            region_dim=self.regions.shape[2],
            question_dim=self.question.shape[1],
            regions=self.regions.shape[1],
            glimpses=self.glimpses,
        )

    @property
    def tolerance(self) -> float:
        """The largest difference of two scores that should be equal."""
        return 1e-9 if self.regions.dtype == torch.float64 else 1e-4

    def close(self, ours: Tensor, theirs: Tensor) -> bool:
        """Return True where two tensors are equal, up to rounding."""
        if ours.shape != theirs.shape:
            return False
        largest = float(theirs.detach().abs().max())
        return bool((ours - theirs).abs().max() <= self.tolerance * (1 + largest))

    def generator(self) -> torch.Generator:
        """Return a fresh source of random numbers, the same each time."""
        return torch.Generator().manual_seed(self.seed + 1)

    @contextmanager
    def fixed_randomness(self) -> Iterator[None]:
        """Make random numbers alike in each ``with`` block, even of dropout that is never off."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            yield

    def cast(self, dtype: torch.dtype) -> ModuleUnderTest:
        """Return a copy in another floating type."""
        return replace(
            self,
            module=copy.deepcopy(self.module).to(dtype),
            regions=self.regions.to(dtype),
            question=self.question.to(dtype),
        )
