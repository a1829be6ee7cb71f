"""How training's time and memory grow with each quantity of a batch.

The exponent is the slope of log cost against log size; 1 is linear, and what is below comes from
costs that do not depend on the varied quantity. Each range lies where the varied part matters: what
else a step costs is kept small.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import replace

import msgspec
import numpy as np

from benchmarks.data import Shape
from benchmarks.measure import peak_memory, seconds
from benchmarks.networks import Size, our_step

LARGEST = 1.25  # a linear cost with noise stays below; a quadratic term would not


class Growth(msgspec.Struct, frozen=True):
    """What a quantity costs.

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

    @property
    def linear(self) -> bool:
        """Whether neither time nor memory grows noticeably faster than the quantity."""
        return max(self.time_exponent, self.memory_exponent) < LARGEST


# Quantity → its values, and the batch of a value, from a base whose other parts are small.
_BASE = Shape(questions=48, images=12, side=7, words=1000, answers=100, region_dim=512, length=4)
QUANTITIES: dict[str, tuple[tuple[int, ...], Callable[[Shape, int], Shape]]] = {
    "questions per image": (
        (4, 8, 16, 32, 64),
        lambda base, n: replace(base, questions=base.images * n, side=2 * base.side),
    ),
    "images": (
        (12, 24, 48, 96, 192),
        lambda base, n: replace(base, images=n, questions=2 * n, side=2 * base.side),
    ),
    "regions": (
        (49, 196, 784, 3136),
        lambda base, n: replace(base, side=round(n**0.5)),
    ),
    "answers": (
        (4_000, 8_000, 16_000, 32_000, 64_000),
        lambda base, n: replace(base, answers=n, side=2),
    ),
    "words in a question": (
        (4, 8, 16, 32, 64),
        lambda base, n: replace(base, length=n, side=2),
    ),
    "words in the vocabulary": (
        (20_000, 40_000, 80_000, 160_000, 320_000),
        lambda base, n: replace(base, words=n, side=2),
    ),
}


def scaling(size: Size) -> tuple[Growth, ...]:
    """Measure every quantity."""
    return tuple(_growth(quantity, size) for quantity in QUANTITIES)


def _growth(quantity: str, size: Size) -> Growth:
    values, vary = QUANTITIES[quantity]
    base = _BASE
    if size.quick:
        values, base = values[:2], replace(_BASE, questions=8, images=2, side=2, region_dim=16)
    shapes = [vary(base, value) for value in values]
    steps = [our_step("saaa", shape, size.quick) for shape in shapes]
    times = [1000 * time for time in _times(steps, rounds=size.rounds)]
    memory = [peak_memory(our_step, "saaa", shape, size.quick) for shape in shapes]
    return Growth(
        quantity,
        values,
        tuple(times),
        tuple(memory),
        time_exponent=_exponent(values, times),
        memory_exponent=_exponent(values, memory),
    )


def _times(steps: list[Callable[[], object]], *, rounds: int) -> list[float]:
    """Median seconds of each, in turns, after a warm-up."""
    for step in steps:
        step()
    turns = [[seconds(step) for step in steps] for _ in range(rounds)]
    return [statistics.median(turn) for turn in zip(*turns, strict=True)]


def _exponent(sizes: tuple[int, ...], costs: list[float]) -> float:
    slope, _ = np.polyfit(np.log(sizes), np.log(np.maximum(costs, 1e-3)), 1)
    return round(float(slope), 3)
