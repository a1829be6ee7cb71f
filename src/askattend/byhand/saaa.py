"""Show, Ask, Attend, and Answer (Kazemi & Elqursh 2017, arXiv 1704.03162), forward and backward.

`saaa_backward` undoes `saaa` line by line, from the last to the first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np

from askattend.byhand.arrays import (
    FloatArray,
    IntArray,
    Weights,
    expect_batch,
    expect_weights,
)
from askattend.byhand.gradients import gradients_of
from askattend.byhand.layers import (
    add_to_regions,
    add_to_regions_backward,
    embedding_backward,
    linear,
    linear_backward,
    lookup,
    normalise,
    normalise_backward,
    relu,
    relu_backward,
    softmax,
    softmax_backward,
    tanh,
    tanh_backward,
    weighted_sum,
    weighted_sum_backward,
)
from askattend.byhand.lstm import LSTMStates, lstm, lstm_backward
from askattend.byhand.weights import ENCODER, by_name, by_symbol, saaa_shapes_of
from askattend.byhand.word_term import word_term, word_term_backward

# Symbol in the equations below → name in `state_dict()`.
SYMBOLS = ENCODER | {
    "W_v": "attention.region.weight",
    "W_q": "attention.question.weight",
    "b_q": "attention.question.bias",
    "W_x": "attention.score.weight",
    "b_x": "attention.score.bias",
    "W_1": "classifier.1.weight",
    "b_1": "classifier.1.bias",
    "W_2": "classifier.4.weight",
    "b_2": "classifier.4.bias",
}


@dataclass(frozen=True)
class SAAAOutput:
    """The inputs and every intermediate, in the order of their making."""

    regions: FloatArray  # φ, images × regions × region_dim
    tokens: IntArray  # q, questions × words
    lengths: IntArray  # questions
    image_index: IntArray  # questions
    normalised: FloatArray  # v̂, images × regions × region_dim
    embedded: FloatArray  # tanh(E_q), questions × words × embedding_dim
    states: LSTMStates
    question: FloatArray  # s, questions × question_dim
    hidden: FloatArray  # h, questions × regions × attention_dim
    scores: FloatArray  # F_c(s, φ_l), questions × glimpses × regions
    attention: FloatArray  # α_{c,l}, questions × glimpses × regions; sums to 1 over regions
    attended: FloatArray  # x_c, questions × glimpses × region_dim
    combined: FloatArray  # [x, s], questions × (glimpses·region_dim + question_dim)
    answer_hidden: FloatArray  # the classifier's hidden layer, questions × hidden_dim
    word_term: FloatArray | None  # Σ_t w[q_t], questions × answers; the paper has none
    logits: FloatArray  # P(a | I, q) = softmax(logits), questions × answers


def saaa(
    weights: Mapping[str, FloatArray],
    regions: FloatArray,
    tokens: IntArray,
    lengths: IntArray,
    image_index: IntArray | None = None,
) -> SAAAOutput:
    """Answer questions about images, in the floating type of the weights.

    Args:
        weights: under the names of the PyTorch network's ``state_dict()``.
        regions: φ, images × regions × region_dim.
        tokens: word indices, questions × words, padded with 0.
        lengths: the number of real words of each question, at least 1.
        image_index: the row of `regions` each question is about; by default, its own row.

    Raises:
        ShapeError: a weight is missing, or an array does not fit; the message names it.
    """
    expect_weights(weights, saaa_shapes_of(weights))
    p = by_symbol(weights, SYMBOLS)
    image_index = expect_batch(
        regions, tokens, lengths, image_index, region_dim=p.W_v.shape[1], words=len(p.E)
    )
    regions = regions.astype(p.W_v.dtype)

    # Section 3.1, image: v̂ = v/(‖v‖₂ + ε), at each region
    v_hat = normalise(regions)  # images × regions × region_dim

    # Section 3.2, question: s = LSTM(tanh(E_q)), the LSTM's last *cell* state
    embedded = tanh(lookup(p.E, tokens))  # questions × words × embedding_dim
    states = lstm(embedded, lengths, p.W, p.U, p.b_W, p.b_U)
    s = states.cell[-1]  # questions × question_dim

    # Section 3.3, attention: h_l = ReLU(W_v v̂_l + W_q s + b_q), F_c(s, φ_l) = (W_x h_l + b_x)_c,
    # α_{c,l} ∝ exp F_c(s, φ_l), x_c = Σ_l α_{c,l} v̂_l. An image is projected once, for all its
    # questions; all glimpses c share h.
    projected = linear(v_hat, p.W_v)  # images × regions × attention_dim
    question_projected = linear(s, p.W_q, p.b_q)  # questions × attention_dim
    h = relu(add_to_regions(projected, question_projected, image_index))
    scores = linear(h, p.W_x, p.b_x).transpose(0, 2, 1)  # questions × glimpses × regions
    alpha = softmax(scores)  # questions × glimpses × regions
    x = weighted_sum(alpha, v_hat, image_index)  # questions × glimpses × region_dim

    # Section 3.4, classifier: logits = W_2 ReLU(W_1 [x, s] + b_1) + b_2
    combined = np.concatenate([x.reshape(len(x), -1), s], axis=1)
    answer_hidden = relu(linear(combined, p.W_1, p.b_1))  # questions × hidden_dim
    logits = linear(answer_hidden, p.W_2, p.b_2)  # questions × answers

    # Beyond the paper, where the weights have it: logits + Σ_t w[q_t]
    of_words = word_term(weights, tokens, lengths, words=len(p.E))
    logits = logits if of_words is None else logits + of_words

    return SAAAOutput(
        regions, tokens, lengths, image_index, v_hat, embedded, states,
        s, h, scores, alpha, x, combined, answer_hidden, of_words, logits,
    )  # fmt: skip


def saaa_backward(
    weights: Mapping[str, FloatArray], output: SAAAOutput, dlogits: FloatArray
) -> tuple[Weights, FloatArray]:
    """Return the gradient of every weight, under its name, and that of the regions.

    Training leaves the regions as they are: they come from a network that stays frozen. Their
    gradient tells which of them the loss depends on, through attention and content alike.

    Args:
        weights: those that `output` was made with.
        output: the result of `saaa`.
        dlogits: ∂L/∂logits, questions × answers.
    """
    o, p, d = output, by_symbol(weights, SYMBOLS), SimpleNamespace()

    # Beyond the paper: logits = … + Σ_t w[q_t]. A sum hands dlogits on to both of its terms.
    d_words = word_term_backward(weights, dlogits, o.tokens, o.lengths, words=len(p.E))

    # Section 3.4: logits = W_2 ReLU(W_1 [x, s] + b_1) + b_2
    dhidden, d.W_2, d.b_2 = linear_backward(dlogits, o.answer_hidden, p.W_2)
    dhidden = relu_backward(dhidden, o.answer_hidden)  # questions × hidden_dim
    dcombined, d.W_1, d.b_1 = linear_backward(dhidden, o.combined, p.W_1)
    dx, ds = np.split(dcombined, [-o.question.shape[1]], axis=1)  # [x, s] comes apart again
    dx = dx.reshape(o.attended.shape)  # questions × glimpses × region_dim

    # Section 3.3: x_c = Σ_l α_{c,l} v̂_l, α = softmax(F), F = W_x h + b_x
    dalpha, dv_hat = weighted_sum_backward(dx, o.attention, o.normalised, o.image_index)
    dscores = softmax_backward(dalpha, o.attention)  # questions × glimpses × regions
    dh, d.W_x, d.b_x = linear_backward(dscores.transpose(0, 2, 1), o.hidden, p.W_x)
    # h_l = ReLU(W_v v̂_l + (W_q s + b_q))
    dh = relu_backward(dh, o.hidden)  # questions × regions × attention_dim
    dprojected, dquestion_projected = add_to_regions_backward(dh, o.image_index, len(o.regions))
    ds_attention, d.W_q, d.b_q = linear_backward(dquestion_projected, o.question, p.W_q)
    dv_hat_projected, d.W_v, _ = linear_backward(dprojected, o.normalised, p.W_v)

    # Section 3.2: s = LSTM(tanh(E_q)). s went to the classifier and to the attention: they add up.
    # Being the last cell state, s sends nothing to the last hidden state.
    ds = ds + ds_attention
    dembedded, d.W, d.U, d.b_W = lstm_backward(
        np.zeros_like(ds), ds, o.states, o.embedded, o.lengths, p.W, p.U
    )
    d.b_U = d.b_W  # the gates see b_W + b_U alone
    d.E = embedding_backward(tanh_backward(dembedded, o.embedded), o.tokens, len(p.E))

    # Section 3.1: v̂ = v/(‖v‖₂ + ε), where v̂ was projected and averaged
    dregions = normalise_backward(dv_hat + dv_hat_projected, o.regions)
    return by_name(d, SYMBOLS) | d_words, dregions


saaa_gradients = gradients_of(saaa, saaa_backward)
