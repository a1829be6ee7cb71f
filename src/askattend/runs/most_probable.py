"""The most probable answers, in an order that does not hang on who asks."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor


def most_probable(
    logits: Float[Tensor, "questions answers"], count: int
) -> Int[Tensor, "questions count"]:
    """Return the indices of the most probable answers, of equal ones the first in the vocabulary.

    That is the one given more often in training, and the one that ``argmax`` gives. In bfloat16
    answers are equal now and then, and ``topk`` returns any of them.

    Args:
        logits: finite.
        count: of answers, not more than there are.
    """
    values = logits.float()
    found = values.topk(count, dim=1)
    best = _in_order(values, found.indices.sort(dim=1).values)
    # Where more are equal to the last one than there was room for, `topk` chose among them.
    crowded = (values >= found.values[:, -1:]).sum(dim=1) > count
    if crowded.any():
        rows = values[crowded]
        every = torch.arange(rows.shape[1], device=rows.device).expand_as(rows)
        best[crowded] = _in_order(rows, every)[:, :count]
    return best


def _in_order(values: Tensor, rising: Tensor) -> Tensor:
    """Order indices that rise by their values, the greatest first."""
    order = values.gather(1, rising).argsort(dim=1, descending=True, stable=True)
    return rising.gather(1, order)
