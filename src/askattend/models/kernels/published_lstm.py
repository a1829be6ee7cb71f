"""The recurrence of SAN's published code: last word first, and h = o∘c without a tanh."""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from askattend.models.kernels import choice
from askattend.models.kernels.onnx import onnx_lstm


def reference(
    x: Tensor, lengths: Tensor, state: nn.Linear, record_states: Callable[[list[Tensor]], object]
) -> Tensor:
    """i, f, o = σ(·) and g = tanh(·) of x + W_h h; c ← i∘g + f∘c; h = o∘c."""
    rows = torch.arange(len(x), device=x.device)
    h: Tensor = x.new_zeros(len(x), state.in_features)
    c = h
    states: list[Tensor] = []
    for t in range(x.shape[1]):
        position = lengths - 1 - t  # of the t-th word from the end; below 0 where there is none
        gates = x[rows, position.clamp(min=0)] + state(h)
        i, f, o, g = gates.chunk(4, dim=1)
        new_c = i.sigmoid() * g.tanh() + f.sigmoid() * c
        new_h = o.sigmoid() * new_c
        begun = (position >= 0)[:, None]
        h, c = torch.where(begun, new_h, h), torch.where(begun, new_c, c)
        states.append(h)
    record_states(states)
    return h


def last_published_state(
    embedded: Float[Tensor, "questions words dim"],
    lengths: Int[Tensor, " questions"],
    word: nn.Linear,
    state: nn.Linear,
    *,
    record_states: Callable[[list[Tensor]], object],
) -> Float[Tensor, "questions hidden"]:
    """Return the hidden state after each question's first word, read last.

    Args:
        embedded: the words.
        lengths: the number of real words of each question.
        word: W_x and b: rows in blocks i, f, o, g.
        state: W_h, without a bias.
        record_states: given the hidden state after each word.
    """
    if choice.as_onnx():
        weights = (word.weight, state.weight, word.bias, torch.zeros_like(word.bias))
        return onnx_lstm(
            embedded,
            lengths,
            weights,
            state="hidden",
            gates="ifog",
            backwards=True,
            plain_output=True,
        )
    return reference(word(embedded), lengths, state, record_states)
