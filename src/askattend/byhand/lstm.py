"""The LSTM that reads a question word by word, and its derivative back through time."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from askattend.byhand.arrays import FloatArray, IntArray
from askattend.byhand.layers import (
    linear,
    linear_backward,
    sigmoid,
    sigmoid_backward,
    tanh,
    tanh_backward,
)


class LSTMStates(NamedTuple):
    """The LSTM's states and gates at every word. Each array is questions × question_dim.

    Attributes:
        hidden: h_0 … h_T; the last is each question's state after its last real word.
        cell: c_0 … c_T, likewise.
        gates: (i, f, g, o) at t = 1 … T.
    """

    hidden: list[FloatArray]
    cell: list[FloatArray]
    gates: list[tuple[FloatArray, FloatArray, FloatArray, FloatArray]]


def lstm(
    x: FloatArray, lengths: IntArray, W: FloatArray, U: FloatArray, b_W: FloatArray, b_U: FloatArray
) -> LSTMStates:
    """Read a batch of questions of different lengths (SAAA section 3.2, SAN section 3.2.1).

    At each word, with σ the sigmoid and ∘ the product element by element::

        i = σ(W_i x + U_i h + b_i)      what to let in
        f = σ(W_f x + U_f h + b_f)      what to keep
        g = tanh(W_g x + U_g h + b_g)   what there is to let in
        o = σ(W_o x + U_o h + b_o)      what to show
        c ← f∘c + i∘g
        h ← o∘tanh(c)

    Padding is not read: from a question's end on, h and c stay as they are.

    Args:
        x: the words' vectors, questions × words × embedding_dim.
        lengths: how many words of each question are real.
        W: the four gates' matrices in the order i, f, g, o, 4·question_dim × embedding_dim.
        U: the same for h, 4·question_dim × question_dim.
        b_W: 4·question_dim.
        b_U: 4·question_dim; b = b_W + b_U.
    """
    questions, words, _ = x.shape
    h = c = np.zeros((questions, U.shape[1]), x.dtype)
    states = LSTMStates([h], [c], [])
    for t in range(words):
        a = linear(x[:, t], W, b_W) + linear(h, U, b_U)  # questions × 4·question_dim
        a_i, a_f, a_g, a_o = np.split(a, 4, axis=1)
        i, f, g, o = sigmoid(a_i), sigmoid(a_f), tanh(a_g), sigmoid(a_o)
        real = (t < lengths)[:, None]
        c = np.where(real, f * c + i * g, c)
        h = np.where(real, o * tanh(c), h)
        states.hidden.append(h)
        states.cell.append(c)
        states.gates.append((i, f, g, o))
    return states


def lstm_backward(
    dh: FloatArray,
    dc: FloatArray,
    states: LSTMStates,
    x: FloatArray,
    lengths: IntArray,
    W: FloatArray,
    U: FloatArray,
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Return (dx, dW, dU, db) from dh and dc of the last states; db is that of b_W and of b_U.

    From the last word to the first, dh and dc are those of the states *after* word t, and become
    those of the states before it. All words share W, U and b: theirs are sums over the words.
    """
    dx, dW, dU, db = np.zeros_like(x), np.zeros_like(W), np.zeros_like(U), np.zeros_like(W[:, 0])
    for t in reversed(range(x.shape[1])):
        real = (t < lengths)[:, None]
        # A padded step handed h and c on: so it does with dh and dc, and its gates get none.
        da, dc_before = _cell_backward(dh * real, dc * real, states, t)
        dx[:, t], dW_t, db_t = linear_backward(da, x[:, t], W)  # a = W x + b + …
        dh_before, dU_t, _ = linear_backward(da, states.hidden[t], U)  # … + U h
        dW, dU, db = dW + dW_t, dU + dU_t, db + db_t
        dh, dc = np.where(real, dh_before, dh), np.where(real, dc_before, dc)
    return dx, dW, dU, db


def _cell_backward(
    dh: FloatArray, dc: FloatArray, states: LSTMStates, t: int
) -> tuple[FloatArray, FloatArray]:
    """Return da, of the gates before σ and tanh, and dc before a word, from dh and dc after it."""
    i, f, g, o = states.gates[t]
    c_before, tanh_c = states.cell[t], tanh(states.cell[t + 1])
    # h = o∘tanh(c): ∂h/∂o = tanh(c), ∂h/∂c = o·(1 - tanh²c). c also goes on to the next word,
    # whence dc comes: the two add up.
    do = dh * tanh_c
    dc = dc + tanh_backward(dh * o, tanh_c)
    # c = f∘c_before + i∘g: each factor's derivative is the other.
    di, dg, df, dc_before = dc * g, dc * i, dc * c_before, dc * f
    da = [
        sigmoid_backward(di, i),
        sigmoid_backward(df, f),
        tanh_backward(dg, g),
        sigmoid_backward(do, o),
    ]
    return np.concatenate(da, axis=1), dc_before
