"""Maps in words, against counting the pixels of each part of an image."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from askattend import describe_map, summarise_map

Array = npt.NDArray[np.float64]
SIDE = 420  # pixels of a side, which 1 to 7 regions, halves and thirds divide
PARTS: dict[str, tuple[Callable[[int, int], bool], float]] = {
    "centre": (lambda y, x: 140 <= y < 280 and 140 <= x < 280, 1 / 2),
    "upper left": (lambda y, x: y < 210 and x < 210, 1 / 2),
    "upper right": (lambda y, x: y < 210 and x >= 210, 1 / 2),
    "lower left": (lambda y, x: y >= 210 and x < 210, 1 / 2),
    "lower right": (lambda y, x: y >= 210 and x >= 210, 1 / 2),
    "middle rows": (lambda y, x: 140 <= y < 280, 2 / 3),
    "middle columns": (lambda y, x: 140 <= x < 280, 2 / 3),
    "upper half": (lambda y, x: y < 210, 2 / 3),
    "lower half": (lambda y, x: y >= 210, 2 / 3),
    "left half": (lambda y, x: x < 210, 2 / 3),
    "right half": (lambda y, x: x >= 210, 2 / 3),
}
STEP = 35  # all edges of regions, halves and thirds lie on such a grid of squares


@st.composite
def maps(draw: st.DrawFn) -> Array:
    rows, columns = draw(st.sampled_from([1, 2, 3, 4, 6])), draw(st.sampled_from([1, 2, 3, 4, 6]))
    sharp = draw(st.sampled_from([1, 4, 12]))
    seed = draw(st.integers(0, 10_000))
    weights: Array = np.random.default_rng(seed).random((rows, columns)) ** sharp
    scaled: Array = weights / weights.sum()
    return scaled


def share(array: Array, inside: Callable[[int, int], bool]) -> float:
    rows, columns = array.shape
    tall, wide = SIDE // rows, SIDE // columns
    squares = [(y, x) for y in range(0, SIDE, STEP) for x in range(0, SIDE, STEP) if inside(y, x)]
    return float(sum(array[y // tall, x // wide] * STEP**2 / (tall * wide) for y, x in squares))


@given(maps())
def test_the_smallest_part_that_holds_most_is_named(array: Array) -> None:
    found = summarise_map(torch.from_numpy(array))
    held = {name: share(array, inside) - least for name, (inside, least) in PARTS.items()}
    assume(all(abs(more) > 1e-9 for more in held.values()))
    peak = array.max()
    naming = [name for name, more in held.items() if more > 0] if peak * array.size >= 1.5 else []
    assert found.where == (naming[0] if naming else None)
    assert array[found.row - 1, found.column - 1] == found.peak == peak
    assert found.uniform == pytest.approx(1 / array.size)
    assert found.times_uniform == pytest.approx(peak * array.size)


def one(rows: int, columns: int, **at: float) -> torch.Tensor:
    """A map with some weights at ``r2c3``, the rest even."""
    array = torch.zeros(rows, columns)
    for place, weight in at.items():
        row, column = place[1:].split("c")
        array[int(row) - 1, int(column) - 1] = weight
    rest = array == 0
    return torch.where(rest, (1 - array.sum()) / rest.sum(), array)


@pytest.mark.parametrize(
    ("attention", "words"),
    [
        (
            one(7, 7, r2c3=0.21, r1c1=0.2, r3c1=0.2),
            "mostly upper left, peak at row 2, column 3: 0.21, 10 times uniform",
        ),
        (one(3, 3, r2c2=0.9), "mostly centre, peak at row 2, column 2: 0.9, 8.1 times uniform"),
        (
            one(4, 4, r4c1=0.45, r4c4=0.46),
            "mostly lower half, peak at row 4, column 4: 0.46, 7.4 times uniform",
        ),
        (
            one(4, 4, r1c1=0.25, r4c4=0.25, r4c1=0.25, r1c4=0.25),
            "spread over the image, peak at row 1, column 1: 0.25, 4.0 times uniform",
        ),
        (one(14, 14), "even over the whole image: no region has more than 1.0 times uniform"),
        (one(1, 1), "even over the whole image: no region has more than 1.0 times uniform"),
    ],
)
def test_by_example(attention: torch.Tensor, words: str) -> None:
    assert describe_map(attention) == words
