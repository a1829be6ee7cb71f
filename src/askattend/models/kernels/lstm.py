"""An LSTM's last state after questions of different lengths.

The reference comes first; `last_state` chooses between it, a way without padding that makes one
product for the weights' gradient and computes equal words once, and those for a GPU, in which no
size depends on the lengths.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from askattend.models.kernels import choice
from askattend.models.kernels.cpu.packed_steps import States
from askattend.models.kernels.linear import filled_up, multiply
from askattend.models.kernels.onnx import onnx_lstm
from askattend.models.kernels.recording import is_recording
from askattend.models.kernels.recurrence import LSTM, StateName

# Words, of any shape, to their embeddings, of one more dimension.
Embed = Callable[[Tensor], Tensor]


def reference(
    lstm: LSTM,
    embed: Embed,
    tokens: Tensor,
    lengths: Tensor,
    record_states: Callable[[Tensor], Tensor],
) -> States:
    """Run PyTorch's own LSTM over the embedded words, as the papers write it; see `last_state`."""
    x = embed(tokens)  # questions × words × embedding
    packed = pack_padded_sequence(x, lengths.cpu(), batch_first=True, enforce_sorted=False)
    each, (hidden, cell) = lstm(packed)  # the last two 1 × questions × dim
    if is_recording():
        record_states(pad_packed_sequence(each, batch_first=True)[0])
    return hidden.squeeze(0), cell.squeeze(0)


def last_state(
    lstm: LSTM,
    embed: Embed,
    tokens: Int[Tensor, "questions words"],
    lengths: Int[Tensor, " questions"],
    *,
    state: StateName,
    random: bool,
    record_states: Callable[[Tensor], Tensor] = lambda h: h,
) -> Float[Tensor, "questions dim"]:
    """Return one of the LSTM's two states after each question's last word.

    Args:
        lstm: of one layer.
        embed: words' indices to their embeddings.
        tokens: word indices, padded.
        lengths: the number of real words of each question, at least 1.
        state: which of the two.
        random: True in training with dropout: equal words then have different embeddings.
        record_states: given the hidden states after each word, 0 after the last, where steps are
            recorded.
    """
    if choice.as_onnx():
        return onnx_lstm(
            embed(tokens),
            lengths,
            (lstm.weight_ih_l0, lstm.weight_hh_l0, lstm.bias_ih_l0, lstm.bias_hh_l0),
            state=state,
            gates="ifgo",
        )
    if choice.as_written(lstm.weight_hh_l0):
        if is_recording() or torch.compiler.is_compiling():
            return _select(reference(lstm, embed, tokens, lengths, record_states), state)
        if choice.triton_runs(lstm.weight_hh_l0):
            return _select(falling(lstm, embed, tokens, lengths, schedule_of(tokens)), state)
        return _select(right_aligned(lstm, embed, tokens, lengths), state)
    packed = partial(_packed, lstm, embed, state=state, random=random)
    if random or len(tokens) == 1:
        return packed(tokens, lengths)
    return encode_unique(packed, tokens, lengths)


def _select(states: States, state: StateName) -> Tensor:
    hidden, cell = states
    return cell if state == "cell" else hidden


# --- without padding -----------------------------------------------------------------------------


def encode_unique(
    encode: Callable[[Tensor, Tensor], Tensor],
    tokens: Int[Tensor, "questions words"],
    lengths: Int[Tensor, " questions"],
) -> Float[Tensor, "questions dim"]:
    """Encode each distinct question of a batch once, for all who ask it."""
    questions = torch.cat([lengths[:, None], tokens], dim=1)
    distinct, index = questions.unique(dim=0, return_inverse=True)
    return encode(distinct[:, 1:], distinct[:, 0]).index_select(0, index)


def _packed(
    lstm: LSTM, embed: Embed, tokens: Tensor, lengths: Tensor, *, state: StateName, random: bool
) -> Tensor:
    """Go over packed words; if it can be, what a word gives the gates is computed once."""
    if len(tokens) == 1 and not torch.is_grad_enabled():
        inputs = lstm.inputs(embed(tokens[0, : lengths[0]]))
        return _select(lstm.last_states_of(inputs.split(1), inputs.dtype, several=False), state)
    packed = pack_padded_sequence(tokens, lengths, batch_first=True, enforce_sorted=False)
    sizes, order = packed.batch_sizes.tolist(), packed.unsorted_indices
    assert order is not None
    if random:
        states = lstm.last_states(lstm.inputs(embed(packed.data)), sizes)
    else:
        words, index = packed.data.unique(return_inverse=True)
        inputs = lstm.inputs(embed(words))
        if torch.is_grad_enabled():
            states = lstm.last_states(inputs.index_select(0, index), sizes)
        else:
            steps = (inputs.index_select(0, some) for some in index.split(sizes))
            states = lstm.last_states_of(steps, inputs.dtype, several=len(tokens) > choice.FEW)
    return _select(states, state).index_select(0, order)


# --- on a GPU ------------------------------------------------------------------------------------


def right_aligned(
    lstm: LSTM, embed: Embed, tokens: Int[Tensor, "questions words"], lengths: Tensor
) -> States:
    """Take as many steps as there are columns: no size depends on the lengths.

    Questions are moved to the right, so that all end together. Before the first word the input
    gate is shut (i = σ(-∞) = 0), and c = f∘c + i∘g and h = o∘tanh(c) stay 0 as they began.
    """
    questions, words = tokens.shape
    column = torch.arange(words, device=tokens.device)
    position = column[:, None] - (words - lengths)  # words × questions; below 0: none yet
    aligned = tokens.t().gather(0, position.clamp(min=0))
    i, others = lstm.inputs(embed(aligned)).tensor_split([lstm.hidden_size], dim=2)
    inputs = torch.cat([i.masked_fill((position < 0)[..., None], -torch.inf), others], dim=2)
    return lstm.last_states(inputs.flatten(0, 1), [questions] * words)


_schedule: ContextVar[Sequence[int]] = ContextVar("schedule", default=())


@contextmanager
def falling_schedule(sizes: Sequence[int]) -> Iterator[None]:
    """Say how many questions have a first word, a second, …, at most, so that a GPU is not asked.

    Args:
        sizes: falling, the first of them all questions; none if it is not known.
    """
    token = _schedule.set(sizes)
    try:
        yield
    finally:
        _schedule.reset(token)


def schedule_of(tokens: Int[Tensor, "questions words"]) -> list[int]:
    """Return how many questions each step goes over: all of them, if nobody says that fewer do."""
    questions, words = tokens.shape
    return list(_schedule.get()[:words]) or [questions] * words


def falling(
    lstm: LSTM,
    embed: Embed,
    tokens: Int[Tensor, "questions words"],
    lengths: Int[Tensor, " questions"],
    sizes: Sequence[int],
) -> States:
    """Go over longer questions first, so that those that ended are left out.

    Args:
        lstm: as of `last_state`, as are the next three.
        embed: of words.
        tokens: padded.
        lengths: of the questions.
        sizes: how many questions each step goes over: as many as have that word, or more.
    """
    from askattend.models.kernels.gpu.lstm import FallingLSTM

    order = lengths.argsort(descending=True)
    steps = zip(tokens.index_select(0, order).t(), sizes, strict=False)
    words = embed(torch.cat([column[:size] for column, size in steps]))
    inputs = multiply(words, lstm.weight_ih_l0, lstm.bias_ih_l0 + lstm.bias_hh_l0)
    weight = filled_up(lstm.weight_hh_l0.to(inputs.dtype))
    states: States = FallingLSTM.apply(inputs, weight, lengths, order, list(sizes))  # type: ignore[no-untyped-call]
    return states
