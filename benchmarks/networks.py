"""Training and evaluation of both networks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import torch

from askattend.batching.batches import Batch
from askattend.models import SAAA, SAN, SAAAConfig, SANConfig
from askattend.training.config import TrainConfig
from askattend.training.step import make_optimizer, train_step
from askattend.training.validation import validate
from benchmarks import data
from benchmarks.data import Shape
from benchmarks.measure import Row, Target, interleaved, peak_memory, row
from benchmarks.plain import (
    Plain,
    PlainBatch,
    PlainSAAA,
    PlainSAN,
    copy_weights,
    plain_step,
    plain_validate,
)

Network = Literal["saaa", "san"]

Widths = Mapping[str, int]
# In an evaluation.
BATCHES = 4
QUICK_WIDTHS: Widths = {"embedding_dim": 8, "question_dim": 16, "attention_dim": 8}


@dataclass(frozen=True)
class Size:
    """Sizes of a benchmark.

    Attributes:
        shape: of a batch.
        quick: True to cut networks down to almost nothing, to try out the benchmarks.
        rounds: turns that each side has.
    """

    shape: Shape
    quick: bool
    rounds: int

    @property
    def widths(self) -> Widths:
        """Widths of the networks, where they are not the paper's."""
        return QUICK_WIDTHS if self.quick else {}


def ours(network: Network, shape: Shape, widths: Widths) -> SAAA | SAN:
    """Make our network, at its paper's widths but for those given."""
    torch.manual_seed(shape.seed)
    chosen: Any = dict(widths)
    sizes: Any = {"words": shape.words, "answers": shape.answers, "region_dim": shape.region_dim}
    if network == "saaa":
        return SAAA(SAAAConfig(**chosen), **sizes)
    return SAN(SANConfig(**chosen), **sizes)


def plain(network: Network, shape: Shape, widths: Widths) -> Plain:
    """Make the plain network with the weights of ours."""
    sizes = {"words": shape.words, "answers": shape.answers, "region_dim": shape.region_dim}
    made = (PlainSAAA if network == "saaa" else PlainSAN)(**{**sizes, **widths})
    copy_weights(made, ours(network, shape, widths).state_dict())
    return made


def our_step(network: Network, shape: Shape, widths: Widths) -> Callable[[], object]:
    """Make a training step on one batch, which is in memory."""
    batch, config = data.batch(shape), TrainConfig()
    model = ours(network, shape, widths).train()
    optimizer = make_optimizer(model, config)
    return lambda: train_step(model, optimizer, batch, config, rate=config.learning_rate)


def plain_training(network: Network, shape: Shape, widths: Widths) -> Callable[[], object]:
    """Make a training step of the plain network; copying features once a question is part of it."""
    batch = _plain_batch(data.batch(shape), shape)
    model = plain(network, shape, widths)
    optimizer = torch.optim.Adam(model.parameters(), lr=TrainConfig().learning_rate)
    return lambda: plain_step(model, optimizer, batch)


def training(network: Network, target: float, size: Size) -> Row:
    """Measure the questions a second of a training step."""
    steps = (make(network, size.shape, size.widths) for make in (our_step, plain_training))
    return _throughput(f"{network}-training", target, size, *steps, questions=size.shape.questions)


def evaluation(network: Network, target: float, size: Size) -> Row:
    """Measure the questions a second of answering several batches, with loss and accuracy."""
    shape, widths = size.shape, size.widths
    batches = [data.batch(replace(shape, seed=seed)) for seed in range(BATCHES)]
    copied = [_plain_batch(batch, shape) for batch in batches]
    model, other = ours(network, shape, widths), plain(network, shape, widths)
    return _throughput(
        f"{network}-evaluation",
        target,
        size,
        lambda: validate(model, batches),
        lambda: [plain_validate(other, batch) for batch in copied],
        questions=BATCHES * shape.questions,
    )


def training_memory(network: Network, target: float, size: Size) -> Row:
    """Measure the peak memory of the first training step beyond weights and batch."""
    peaks = [
        peak_memory(make, network, size.shape, size.widths) for make in (our_step, plain_training)
    ]
    return row(
        f"{network}-training-memory",
        "MiB",
        *peaks,
        target=Target("ratio", "at most", target),
        note="peak resident memory of a process's first step beyond weights and batch; gradients "
        "and Adam's moments, the same for both, are in it",
    )


def _throughput(
    name: str,
    target: float,
    size: Size,
    run_ours: Callable[[], object],
    run_plain: Callable[[], object],
    *,
    questions: int,
) -> Row:
    times = interleaved(run_ours, run_plain, rounds=size.rounds)
    rates = [questions / time for time in times]
    wanted = Target("ratio", "at least", target)
    return row(name, "questions/s", *rates, target=wanted)


def _plain_batch(batch: Batch, shape: Shape) -> PlainBatch:
    return PlainBatch.of(batch, answers=shape.answers, side=shape.side)
