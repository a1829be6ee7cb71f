"""The steps of a forward pass in an export: each step's symbol and size, and its numbers' range."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import torch
from jaxtyping import Float
from torch import Tensor

from askattend.models.kernels.recording import listening
from askattend.models.symbols import Step
from askattend.runs.answerer import Answerer
from askattend.tracing.trace import TracedStep, trace_steps

# An LSTM is a single operation of ONNX's: the states between its words are in no graph.
_WITHIN_AN_OPERATION = frozenset(("states",))
# The lengths of questions of which sizes are told. From the widest window of a CNN on, each further
# word adds as much as the one before.
_LENGTHS = (1, 2, 3, 4)


class StepFacts(msgspec.Struct, frozen=True):
    """A step of a forward pass of one question about one image.

    Attributes:
        symbol: the paper's name for it.
        equation: the number of its equation, or the section where it has none.
        meaning: the same in words.
        name: our name for it.
        parameters: name → number of elements, of the parameters that it reads.
        maps: how many maps of attention it is; 0 for what is none.
        ranged: True where the graphs tell its least and greatest number, in a row of ``ranges``.
        shapes: its shape, as the paper lays it out, for a question of 1, 2, 3 and 4 words; each
            further word adds as much as the fourth.
        flops: of its matrix products, likewise.
    """

    symbol: str
    equation: str
    meaning: str
    name: str
    parameters: dict[str, int]
    maps: int
    ranged: bool
    shapes: tuple[tuple[int, ...], ...]
    flops: tuple[int, ...]


def describe_steps(answerer: Answerer) -> tuple[StepFacts, ...]:
    """Describe the steps of a run's network, in the order they happen.

    Args:
        answerer: of the run, its weights in float32.
    """
    passes = [_steps(answerer, words) for words in _LENGTHS]
    return tuple(_facts(same) for same in zip(*passes, strict=True))


def with_ranges(call: Callable[[], tuple[Tensor, ...]]) -> tuple[Tensor, ...]:
    """Return what `call` does, and behind it a row a step: its least and its greatest number."""
    ranged: list[Tensor] = []

    def listener(step: Step) -> None:  # at once, before anything is computed in its place
        if _is_ranged(step.name, step.tensor.dtype):
            ranged.append(_range(step.tensor))

    with listening(listener):
        results = call()
    return (*results, torch.stack(ranged) if ranged else torch.zeros(0, 2))


def _steps(answerer: Answerer, words: int) -> list[TracedStep]:
    spec, model = answerer.run.features, answerer.model
    regions = torch.ones(1, spec.regions, spec.input_dim)
    tokens = torch.full((1, words), answerer.run.words.unknown)
    lengths = torch.tensor([words])
    with torch.inference_mode():  # as the run answers: an LSTM is then told by its products
        grid = (spec.rows, spec.columns)
        return trace_steps(model, lambda: model(regions, tokens, lengths), grid=grid)


def _facts(same: tuple[TracedStep, ...]) -> StepFacts:
    """Put together what the same step is for questions of each length."""
    first, *_ = same
    is_attention = first.name.partition(".")[0] == "attention"
    dtype = getattr(torch, first.dtype)
    return StepFacts(
        first.symbol,
        first.equation,
        first.meaning,
        first.name,
        first.parameters,
        maps=first.shape[1] if is_attention else 0,
        ranged=_is_ranged(first.name, dtype),
        shapes=tuple(tuple(step.paper_shape) for step in same),
        flops=tuple(step.flops for step in same),
    )


def _is_ranged(name: str, dtype: torch.dtype) -> bool:
    return dtype.is_floating_point and name.partition(".")[0] not in _WITHIN_AN_OPERATION


def _range(tensor: Tensor) -> Float[Tensor, " 2"]:
    """Return the least and the greatest element, but for masked ones, which are -∞."""
    values = tensor.float().flatten()
    least = values.masked_fill(values == -torch.inf, torch.inf).amin(dim=0)
    return torch.stack([least, values.amax(dim=0)])
