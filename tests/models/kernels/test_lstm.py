"""The LSTM's quick ways against PyTorch's own."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence

from askattend import record
from askattend.models.encoders import LSTMEncoder
from askattend.models.kernels.lstm import right_aligned
from askattend.models.kernels.recurrence import LSTM
from askattend.models.saaa_symbols import E_Q, H_T


@given(lengths=st.lists(st.integers(1, 5), min_size=1, max_size=6), wider=st.integers(0, 3))
@pytest.mark.parametrize("state", ["hidden", "cell"])
def test_questions_moved_to_the_right_end_in_the_same_state(
    state: Any, lengths: list[int], wider: int
) -> None:
    torch.manual_seed(0)
    sizes: dict[str, Any] = {"words": 9, "embedding_dim": 3, "question_dim": 4}
    encoder = LSTMEncoder(
        **sizes, state=state, tanh_embedding=True, dropout=0.0, embedded=E_Q, states=H_T
    ).double()
    for parameter in encoder.lstm.parameters():
        nn.init.normal_(parameter)
    tokens = torch.zeros(len(lengths), max(lengths) + wider, dtype=torch.int64)
    for row, length in zip(tokens, lengths, strict=True):
        row[:length] = torch.randint(1, 9, (length,))
    arguments = tokens, torch.tensor(lengths)
    with record():
        expected = encoder(*arguments)
    states = right_aligned(encoder.lstm, encoder.embed, *arguments)
    found = states[("hidden", "cell").index(state)]
    torch.testing.assert_close(found, expected)
    upstream, parameters = torch.randn_like(expected), list(encoder.parameters())
    ours, theirs = (torch.autograd.grad(s, parameters, upstream) for s in (found, expected))
    torch.testing.assert_close(ours, theirs)


@given(lengths=st.lists(st.integers(1, 5), min_size=1, max_size=6), seed=st.integers(0, 2**31 - 1))
def test_last_states_are_those_of_pytorchs_lstm(lengths: list[int], seed: int) -> None:
    torch.manual_seed(seed)
    lstm = LSTM(3, 4, batch_first=True).double()
    x = torch.randn(len(lengths), max(lengths), 3, dtype=torch.float64)
    packed = pack_padded_sequence(x, torch.tensor(lengths), batch_first=True, enforce_sorted=False)
    _, expected = lstm(packed)
    sizes, order = packed.batch_sizes.tolist(), packed.unsorted_indices
    assert order is not None
    found = lstm.last_states(lstm.inputs(packed.data), sizes)
    with torch.no_grad():
        inputs = lstm.inputs(packed.data)
        answering = lstm.last_states_of(inputs.split(sizes), inputs.dtype)
    for state, same, other in zip(found, answering, expected, strict=True):
        torch.testing.assert_close(state[order], other[0])
        torch.testing.assert_close(same[order], other[0])
    weights = torch.randn(2, len(lengths), 4, dtype=torch.float64)
    losses = [
        sum(((w * s).sum() for w, s in zip(weights, states, strict=True)), torch.zeros(()))
        for states in ([s[order] for s in found], [s[0] for s in expected])
    ]
    ours, theirs = (torch.autograd.grad(loss, list(lstm.parameters())) for loss in losses)
    torch.testing.assert_close(ours, theirs)
