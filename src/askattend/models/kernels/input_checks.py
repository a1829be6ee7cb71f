"""Questions that a network cannot read, named before it stumbles over them."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from askattend.errors import DataError

REMEDIES = {
    "lengths": "A question has at least one word, and no more than tokens has columns.",
    "tokens": "Words are indices in the network's vocabulary.",
}


def require_in_range(
    tokens: Int[Tensor, "questions words"], lengths: Int[Tensor, " questions"], *, words: int
) -> None:
    """Refuse a length or a word that there cannot be, on the processor; a GPU is not waited for.

    Raises:
        DataError: names the entry, its value and what was expected.
    """
    if tokens.device.type != "cpu" or lengths.device.type != "cpu" or torch.compiler.is_compiling():
        return
    # As arrays, so that looking at them is no work of the network's where that is measured.
    for name, tensor, least, most in (
        ("lengths", lengths, 1, tokens.shape[1]),
        ("tokens", tokens, 0, words - 1),
    ):
        values = tensor.numpy()
        if values.size and (values.min() < least or values.max() > most):
            index = np.argwhere((values < least) | (values > most))[0].tolist()
            raise DataError(
                f"{values[tuple(index)]} is out of range, expected were {least} to {most:,}",
                where=f"{name}{index}",
                remedy=REMEDIES[name],
            )
