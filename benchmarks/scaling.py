"""Growth of training's time and memory with each quantity of a batch.

The exponent is the slope of log cost against log size; 1 is linear, and what is below comes from
costs that do not depend on the varied quantity. Each range lies where the varied part matters: all
else in the batch and in the network is small.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import dataclass, replace

import msgspec
import numpy as np

from benchmarks.data import Shape
from benchmarks.measure import peak_memory, seconds
from benchmarks.networks import Size, Widths, our_step


class Growth(msgspec.Struct, frozen=True):
    """Costs of a training step by one quantity.

    Attributes:
        quantity: what was varied.
        sizes: its values.
        milliseconds: median time of a SAAA training step at each.
        mebibytes: its peak memory at each.
        time_exponent: fitted in log-log.
        memory_exponent: likewise.
    """

    quantity: str
    sizes: tuple[int, ...]
    milliseconds: tuple[float, ...]
    mebibytes: tuple[float, ...]
    time_exponent: float
    memory_exponent: float


@dataclass(frozen=True)
class Varied:
    """A quantity to vary, and the batch and network to vary it in.

    Attributes:
        sizes: its values.
        shape: a batch with one of them; all else in it is small.
        widths: of the network, so that what grows outweighs what does not.
    """

    sizes: tuple[int, ...]
    shape: Callable[[int], Shape]
    widths: Widths


_BASE = Shape(questions=48, images=12, side=7, words=1000, answers=100, region_dim=512, length=4)
_TINY = replace(_BASE, side=2, region_dim=32)
_NARROW = {"embedding_dim": 32, "question_dim": 64, "attention_dim": 64, "hidden_dim": 64}
_WIDE_ATTENTION = {**_NARROW, "attention_dim": 512}

QUANTITIES: dict[str, Varied] = {
    "questions per image": Varied(
        (4, 8, 16, 32, 64),
        lambda n: replace(_BASE, questions=_BASE.images * n),
        _WIDE_ATTENTION,
    ),
    "images": Varied(
        (12, 24, 48, 96, 192),
        lambda n: replace(_BASE, images=n, questions=2 * n, side=14),
        _WIDE_ATTENTION,
    ),
    "regions": Varied(
        (49, 196, 784, 3136),
        lambda n: replace(_BASE, side=round(n**0.5)),
        _WIDE_ATTENTION,
    ),
    "answers": Varied(
        (8_000, 16_000, 32_000, 64_000, 128_000),
        lambda n: replace(_TINY, answers=n),
        {**_NARROW, "hidden_dim": 256},
    ),
    "words in a question": Varied(
        (8, 16, 32, 64, 128),
        lambda n: replace(_TINY, length=n, questions=128),
        {**_NARROW, "question_dim": 256, "embedding_dim": 256},
    ),
    "words in the vocabulary": Varied(
        (20_000, 40_000, 80_000, 160_000, 320_000),
        lambda n: replace(_TINY, words=n),
        {**_NARROW, "embedding_dim": 256},
    ),
}


def scaling(size: Size) -> tuple[Growth, ...]:
    """Measure every quantity."""
    return tuple(_growth(quantity, size) for quantity in QUANTITIES)


def _growth(quantity: str, size: Size) -> Growth:
    varied = QUANTITIES[quantity]
    values = varied.sizes[:2] if size.quick else varied.sizes
    shapes = [varied.shape(value) for value in values]
    steps = [our_step("saaa", shape, varied.widths) for shape in shapes]
    times = [1000 * time for time in _times(steps, rounds=size.rounds)]
    memory = [peak_memory(our_step, "saaa", shape, varied.widths) for shape in shapes]
    return Growth(
        quantity,
        values,
        tuple(times),
        tuple(memory),
        time_exponent=_exponent(values, times),
        memory_exponent=_exponent(values, memory),
    )


def _times(steps: list[Callable[[], object]], *, rounds: int) -> list[float]:
    """Return the median seconds of each, in turns, after a warm-up."""
    for step in steps:
        step()
    turns = [[seconds(step) for step in steps] for _ in range(rounds)]
    return [statistics.median(turn) for turn in zip(*turns, strict=True)]


def _exponent(sizes: tuple[int, ...], costs: list[float]) -> float:
    slope, _ = np.polyfit(np.log(sizes), np.log(np.maximum(costs, 1e-3)), 1)
    return round(float(slope), 3)
