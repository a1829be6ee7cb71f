"""A forward pass told step by step: the paper's symbols with the tensors that they stand for."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from pathlib import Path

import msgspec
import torch
from torch import Tensor, nn

from askattend.errors import ConfigError
from askattend.features.store import FeatureStore
from askattend.models import Model, ModelConfig, build_model
from askattend.models.kernels.recording import listening
from askattend.models.symbols import Step
from askattend.runs.predictor import Answer, Predictor
from askattend.settings import Positive, Seed, check
from askattend.tracing.costs import Cost, Meter


@dataclass(frozen=True)
class RandomData:
    """The sizes of random data to feed a network; the defaults are SAAA's on VQA v2."""

    batch_size: Positive = 128
    """Questions, each about an image of its own."""
    tokens: Positive = 12345
    """The vocabulary's size: how many different words, padding and unknown ones included."""
    max_length: Positive = 100
    """Words of the longest question."""
    answers: Positive = 3000
    """Answers of the vocabulary (M)."""
    region_dim: Positive = 2048
    """Width of a region's feature."""
    grid: Positive = 14
    """Rows and columns of regions."""
    seed: Seed = 0
    """Chooses weights and data."""

    def __post_init__(self) -> None:
        check(self)


class Values(msgspec.Struct, frozen=True):
    """What a tensor's elements lie between."""

    least: float
    mean: float
    greatest: float


class Word(msgspec.Struct, frozen=True):
    """A word of a question, its index, and whether any training question had it."""

    word: str
    index: int
    seen: bool


class TracedStep(msgspec.Struct, frozen=True, omit_defaults=True):
    """One step of a forward pass, in the order it happened.

    Attributes:
        symbol: the paper's name for it.
        equation: the number of its equation, or the section where it has none.
        meaning: what it is.
        name: our name for it.
        dims: the names of the dimensions of `shape`.
        shape: the tensor's own.
        paper_shape: the same elements as the paper lays them out.
        dtype: the tensor's.
        parameters: name → number of elements, of the parameters that the step read.
        flops: of its matrix products, a multiplication and an addition counting as two.
        bytes: of the tensors newly made on the way to it; what is handed in was there before.
        values: where they were asked for.
        sums_to_one: of an attention map, where values were asked for: whether each map does.
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
    bytes: int
    values: Values | None = None
    sums_to_one: bool | None = None
    maps: list[list[list[float]]] | None = None
    words: list[Word] | None = None


class Totals(msgspec.Struct, frozen=True):
    """What the whole pass took; `parameters` counts each of the network's elements once."""

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
        skips_padding: whether only a question's own words cost anything to read.
        question: the real one that was asked, if one was.
        answer: what the network said to it.
        probability: of that answer.
        top: the most probable answers, falling.
        notes: what the one who asks should know of how the question is read.
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


def trace_random(config: ModelConfig, data: RandomData) -> Trace:
    """Build a network, feed it random data, and tell what happens.

    Questions have 1 to ``data.max_length`` random words.

    Raises:
        ConfigError: there is not enough memory for these sizes.
    """
    torch.manual_seed(data.seed)
    try:
        return _trace_random(config, data)
    except (
        RuntimeError,
        TypeError,
        MemoryError,
    ) as error:  # numbers above 2^63 are of a wrong type
        if not re.search("alloc|memory|overflow", str(error), re.IGNORECASE):
            raise
        raise ConfigError(
            "there is not enough memory for these sizes",
            where="random data",
            remedy="Lower --batch-size, --grid, --region-dim, --max-length, --tokens or --answers.",
        ) from None


def _trace_random(config: ModelConfig, data: RandomData) -> Trace:
    model = build_model(
        config, words=data.tokens, answers=data.answers, region_dim=data.region_dim
    ).eval()
    regions = torch.rand(data.batch_size, data.grid**2, data.region_dim)
    lengths = torch.randint(1, data.max_length + 1, (data.batch_size,))
    lengths[0] = data.max_length
    tokens = torch.randint(min(2, data.tokens - 1), data.tokens, (data.batch_size, data.max_length))
    tokens = tokens * (torch.arange(data.max_length) < lengths[:, None])
    with torch.no_grad():
        steps = traced(model, lambda: model(regions, tokens, lengths), grid=(data.grid, data.grid))
    trace = _trace(model, steps)
    if all(step.name != "tokens" for step in steps):  # a network that reads no question
        return trace
    return msgspec.structs.replace(
        trace,
        lengths=_values(lengths),
        skips_padding=any(isinstance(part, nn.LSTM) for part in model.modules()),
    )


def trace_run(
    run: Path,
    image: str | Path,
    question: str,
    *,
    top: int = 5,
    backbone: str | None = None,
    features: Path | None = None,
) -> Trace:
    """Ask a trained network about an image, and tell what happens, values included.

    Args:
        run: the run folder.
        image: the image file; with `features`, an image's id in that store.
        question: what to ask.
        top: how many answers to list.
        backbone: the run's backbone, where it does not know it or knows it by another name.
        features: a feature store to answer from; no backbone is needed then.

    Raises:
        AskAttendError: whatever of run, image or question does not fit; see `Predictor`.
    """
    predictor = Predictor.load(run, device="cpu", precision="float32", backbone=backbone)
    answers: list[Answer] = []
    ask = _asking(predictor, image, question, top=top, features=features)
    grid = (predictor.run.features.rows, predictor.run.features.columns)
    steps = traced(predictor.model, lambda: answers.extend(ask()), grid=grid, values=True)
    (said,) = answers
    return msgspec.structs.replace(
        _trace(predictor.model, [_with_words(step, predictor, question) for step in steps]),
        question=question,
        answer=said.text,
        probability=said.probability,
        top=[Ranked(answer, probability) for answer, probability in said.top],
        notes=predictor.notes(question),
    )


def _asking(
    predictor: Predictor, image: str | Path, question: str, *, top: int, features: Path | None
) -> Callable[[], list[Answer]]:
    """What asks the question; backbone or store are opened now, outside the trace."""
    if features is not None:
        store = FeatureStore.open(features)
        return lambda: predictor.ask_stored(store, str(image), [question], top=top)
    _ = predictor.backbone
    return lambda: predictor.look(image).ask_all([question], top=top)


def _with_words(step: TracedStep, predictor: Predictor, question: str) -> TracedStep:
    """The tokens, with the words that they stand for; any other step as it is."""
    if step.name != "tokens":
        return step
    vocabulary = predictor.run.words
    unseen = set(vocabulary.unlisted(question))
    words = zip(vocabulary.tokenise(question), vocabulary.encode(question), strict=True)
    named = [Word(word, index, seen=word not in unseen) for word, index in words]
    return msgspec.structs.replace(step, words=named)


def traced(
    model: Model, call: Callable[[], object], *, grid: tuple[int, int], values: bool = False
) -> list[TracedStep]:
    """The steps that happen while `call` runs.

    Args:
        model: the network that `call` uses, in evaluation mode.
        call: runs its forward pass.
        grid: rows and columns of the regions.
        values: whether to look at the elements, too.
    """
    steps: list[TracedStep] = []
    meter = Meter(model)

    def listener(step: Step) -> None:
        cost = meter.take()
        if not steps:  # what came before the network, such as the backbone
            cost = Cost(flops=0, bytes=0, parameters={})
        steps.append(_told(step, cost, grid, values=values))
        meter.take()  # looking at the values is not the network's work

    with meter, listening(listener):
        call()
    return steps


def _told(step: Step, cost: Cost, grid: tuple[int, int], *, values: bool) -> TracedStep:
    tensor, what = step.tensor, step.what
    look = values and tensor.is_floating_point()
    is_map = look and what.name.startswith("attention")
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
        bytes=cost.bytes,
        values=_values(tensor) if look else None,
        sums_to_one=_sums_to_one(tensor) if is_map else None,
        maps=tensor[0].float().unflatten(-1, grid).tolist() if is_map else None,
    )


def paper_shape(step: Step, grid: tuple[int, int]) -> list[int]:
    """The shape of a step's tensor as the paper lays its elements out."""
    sizes = dict(zip(step.what.dims.split(), step.tensor.shape, strict=True))
    sizes |= {"1": 1, "rows": grid[0], "columns": grid[1]}
    laid_out = re.findall(r"\(([^)]*)\)|(\S+)", step.what.paper or step.what.dims)
    shape = [prod(sizes[name] for name in (group or one).split()) for group, one in laid_out]
    assert prod(shape) == step.tensor.numel(), f"{step.name} is laid out as {shape}"
    return shape


def _values(tensor: Tensor) -> Values:
    values = tensor.float()
    values = values[values != -torch.inf]  # what is masked has no value
    return Values(values.min().item(), values.mean().item(), values.max().item())


def _sums_to_one(tensor: Tensor) -> bool:
    sums = tensor.float().sum(dim=-1)
    return bool(torch.allclose(sums, torch.ones_like(sums), atol=1e-4))


def _trace(model: nn.Module, steps: list[TracedStep]) -> Trace:
    totals = Totals(
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        flops=sum(step.flops for step in steps),
        bytes=sum(step.bytes for step in steps),
    )
    return Trace(type(model).__name__, steps, totals)
