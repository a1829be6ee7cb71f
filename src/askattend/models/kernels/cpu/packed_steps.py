"""Words of questions of different lengths in a row, longer questions first: one step a word."""

from __future__ import annotations

from itertools import accumulate, pairwise

from jaxtyping import Float
from torch import Tensor

# Hidden and cell state of each question.
States = tuple[Float[Tensor, "questions dim"], Float[Tensor, "questions dim"]]


def steps_of(sizes: list[int]) -> list[tuple[slice, slice | None, int]]:
    """Divide packed words into steps: the rows of each, the rows of the same questions' word before
    it, if there is one, and how many questions end with it."""
    starts = [0, *accumulate(sizes)]
    rows = [slice(start, start + size) for start, size in zip(starts, sizes, strict=False)]
    found = [slice(start, start + size) for start, size in zip(starts, sizes[1:], strict=False)]
    ended = [size - following for size, following in pairwise([*sizes, 0])]
    return list(zip(rows, [None, *found], ended, strict=True))
