"""A forward pass step by step: the paper's symbols with the tensors that they stand for."""

from __future__ import annotations

import re
from collections.abc import Callable
from math import prod

import msgspec
import torch
from torch import Tensor, nn

from askattend.errors import ConfigError
from askattend.models.kernels.recording import listening
from askattend.models.symbols import Step
from askattend.tracing.costs import Cost, Meter

# Steps that a network is given, and does not make.
_HANDED_IN = frozenset(("regions", "tokens"))


class Values(msgspec.Struct, frozen=True):
    """The range of a tensor's elements."""

    least: float
    mean: float
    greatest: float

    @classmethod
    def of(cls, tensor: Tensor) -> Values:
        """Measure a tensor; masked elements, which are -∞, do not count."""
        values = tensor.float()
        values = values[values != -torch.inf]
        return cls(values.min().item(), values.mean().item(), values.max().item())


class Word(msgspec.Struct, frozen=True):
    """A word of a question, and its index; `seen` if any training question had it."""

    word: str
    index: int
    seen: bool


class TracedStep(msgspec.Struct, frozen=True, omit_defaults=True):
    """One step of a forward pass, in the order it happened.

    Attributes:
        symbol: the paper's name for it.
        equation: the number of its equation, or the section where it has none.
        meaning: the same in words.
        name: our name for it.
        dims: the names of the dimensions of `shape`.
        shape: the tensor's own.
        paper_shape: the same elements as the paper lays them out.
        dtype: the tensor's.
        parameters: name → number of elements, of the parameters that the step read.
        flops: of its matrix products, a multiplication and an addition counting as two.
        size: bytes of the tensor itself: its elements times those of each.
        bytes: of all tensors newly made on the way to it, itself included unless it is a view of
            another or was handed in.
        values: where they were asked for.
        sums_to_one: of an attention map, where values were asked for: True if every map does.
        maps: of an attention map, where values were asked for: the first question's, maps × rows ×
            columns.
        words: of the tokens of a real question: each word with its index in the vocabulary.
    """

    symbol: str
    equation: str
    meaning: str
    name: str
    dims: list[str]
    shape: list[int]
    paper_shape: list[int]
    dtype: str
    parameters: dict[str, int]
    flops: int
    size: int
    bytes: int
    values: Values | None = None
    sums_to_one: bool | None = None
    maps: list[list[list[float]]] | None = None
    words: list[Word] | None = None


class Totals(msgspec.Struct, frozen=True):
    """The cost of a whole pass; `parameters` counts each of the network's elements once."""

    parameters: int
    flops: int
    bytes: int


class Ranked(msgspec.Struct, frozen=True):
    """An answer and its probability, 0 to 1."""

    answer: str
    probability: float


class Trace(msgspec.Struct, frozen=True, omit_defaults=True):
    """A forward pass.

    Attributes:
        network: its name.
        steps: in the order they happened.
        totals: of the whole pass.
        lengths: the words of the random questions, if they were random.
        skips_padding: True if only a question's own words cost anything to read.
        question: the real one that was asked, if one was.
        answer: the most probable one to it.
        probability: of that answer.
        top: the most probable answers, falling.
        notes: on how the question is read.
    """

    network: str
    steps: list[TracedStep]
    totals: Totals
    lengths: Values | None = None
    skips_padding: bool | None = None
    question: str | None = None
    answer: str | None = None
    probability: float | None = None
    top: list[Ranked] | None = None
    notes: list[str] | None = None

    @classmethod
    def of(cls, model: nn.Module, steps: list[TracedStep]) -> Trace:
        """Sum up the steps of a network's pass."""
        totals = Totals(
            parameters=sum(parameter.numel() for parameter in model.parameters()),
            flops=sum(step.flops for step in steps),
            bytes=sum(step.bytes for step in steps),
        )
        return cls(type(model).__name__, steps, totals)


def trace_steps(
    model: nn.Module, call: Callable[[], object], *, grid: tuple[int, int], values: bool = False
) -> list[TracedStep]:
    """Return the steps that happen while `call` runs.

    Args:
        model: the network that `call` uses, in evaluation mode.
        call: runs its forward pass.
        grid: rows and columns of the regions.
        values: also look at the elements.

    Raises:
        ConfigError: a symbol's dimensions are not its tensor's.
    """
    steps: list[TracedStep] = []
    meter = Meter(model)

    def listener(step: Step) -> None:
        cost = meter.take()
        if not steps or step.name in _HANDED_IN:  # the work of others, such as the backbone
            cost = Cost(flops=0, bytes=0, parameters={})
        steps.append(_describe(step, cost, grid, values=values))
        meter.take()  # looking at the values is not the network's work

    with meter, listening(listener):
        call()
    return steps


def _describe(step: Step, cost: Cost, grid: tuple[int, int], *, values: bool) -> TracedStep:
    tensor, what = step.tensor, step.what
    values = values and tensor.is_floating_point()
    is_attention = values and what.name.partition(".")[0] == "attention"
    return TracedStep(
        symbol=step.symbol,
        equation=what.equation,
        meaning=what.meaning,
        name=step.name,
        dims=what.dims.split(),
        shape=list(tensor.shape),
        paper_shape=paper_shape(step, grid),
        dtype=str(tensor.dtype).removeprefix("torch."),
        parameters=dict(cost.parameters),
        flops=cost.flops,
        size=tensor.numel() * tensor.element_size(),
        bytes=cost.bytes,
        values=Values.of(tensor) if values else None,
        sums_to_one=_sums_to_one(tensor) if is_attention else None,
        maps=tensor[0].float().unflatten(-1, grid).tolist() if is_attention else None,
    )


def paper_shape(step: Step, grid: tuple[int, int]) -> list[int]:
    """Return the shape of a step's tensor as the paper lays its elements out.

    Raises:
        ConfigError: the symbol's dimensions are not the tensor's.
    """
    dims, shape = step.what.dims.split(), tuple(step.tensor.shape)
    sizes = dict(zip(dims, shape, strict=False)) | {"1": 1, "rows": grid[0], "columns": grid[1]}
    groups = re.findall(r"\(([^)]*)\)|(\S+)", step.what.paper or step.what.dims)
    names = [(group or one).split() for group, one in groups]
    if len(dims) == len(shape) and all(name in sizes for group in names for name in group):
        laid_out = [prod(sizes[name] for name in group) for group in names]
        if prod(laid_out) == step.tensor.numel():
            return laid_out
    raise ConfigError(
        f"the tensor is {' × '.join(map(str, shape))}, which is not "
        f"'{step.what.dims}', or in the paper's order '{step.what.paper or step.what.dims}'",
        where=f"symbol {step.name}",
        remedy="Give the Symbol the dimensions of the tensor that it is called with.",
    )


def _sums_to_one(attention: Tensor) -> bool:
    sums = attention.float().sum(dim=-1)
    return bool(torch.allclose(sums, torch.ones_like(sums), atol=1e-4))
