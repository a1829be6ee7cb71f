"""A new network's forward pass on random data of any size."""

from __future__ import annotations

import re
from dataclasses import dataclass

import msgspec
import torch

from askattend.errors import ConfigError
from askattend.models import NetworkConfig, build_model
from askattend.models.encoders import LSTMEncoder
from askattend.settings import Positive, Seed, check
from askattend.tracing.trace import Trace, Values, trace_steps


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


def trace_random(config: NetworkConfig, data: RandomData) -> Trace:
    """Build a network, feed it random data, and trace its forward pass.

    Questions have 1 to ``data.max_length`` random words.

    Raises:
        ConfigError: there is not enough memory for these sizes.
    """
    torch.manual_seed(data.seed)
    try:
        return _trace(config, data)
    except (RuntimeError, TypeError, MemoryError) as error:  # TypeError: a number above 2^63
        if not re.search("alloc|memory|overflow", str(error), re.IGNORECASE):
            raise
        raise ConfigError(
            "there is not enough memory for these sizes",
            where="random data",
            remedy="Lower --batch-size, --grid, --region-dim, --max-length, --tokens or --answers.",
        ) from None


def _trace(config: NetworkConfig, data: RandomData) -> Trace:
    model = build_model(
        config, words=data.tokens, answers=data.answers, region_dim=data.region_dim
    ).eval()
    regions = torch.rand(data.batch_size, data.grid**2, data.region_dim)
    lengths = torch.randint(1, data.max_length + 1, (data.batch_size,))
    lengths[0] = data.max_length
    # 0 is padding, 1 an unknown word: random words are known ones, where there are any.
    tokens = torch.randint(min(2, data.tokens - 1), data.tokens, (data.batch_size, data.max_length))
    tokens = tokens * (torch.arange(data.max_length) < lengths[:, None])
    grid = (data.grid, data.grid)
    with torch.inference_mode():  # else an LSTM over a single question is one operation
        steps = trace_steps(model, lambda: model(regions, tokens, lengths), grid=grid)
    trace = Trace.of(model, steps)
    if all(step.name != "tokens" for step in steps):  # a network that reads no question
        return trace
    return msgspec.structs.replace(
        trace,
        lengths=Values.of(lengths),
        skips_padding=any(isinstance(part, LSTMEncoder) for part in model.modules()),
    )
