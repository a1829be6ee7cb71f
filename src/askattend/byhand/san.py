"""Stacked Attention Networks (Yang, He, Gao, Deng & Smola 2016, arXiv 1511.02274), both ways.

The paper's equations, with the LSTM as question model. `san_backward` undoes `san` line by line,
from the last to the first.
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
    softmax,
    softmax_backward,
    tanh,
    tanh_backward,
    weighted_sum,
    weighted_sum_backward,
)
from askattend.byhand.lstm import LSTMStates, lstm, lstm_backward
from askattend.byhand.weights import ENCODER, by_name, by_symbol, hops_of, san_shapes_of
from askattend.byhand.word_term import word_term, word_term_backward

# Symbol in the equations below → name in `state_dict()`.
SYMBOLS = ENCODER | {
    "W_I": "image.weight",
    "b_I": "image.bias",
    "W_u": "classifier.weight",
    "b_u": "classifier.bias",
}


def hop_symbols(k: int) -> dict[str, str]:
    """Return symbol → name for the weights of one hop, counted from 0."""
    return {
        "W_IA": f"hops.{k}.region.weight",
        "W_QA": f"hops.{k}.query.weight",
        "b_A": f"hops.{k}.query.bias",
        "W_P": f"hops.{k}.score.weight",
        "b_P": f"hops.{k}.score.bias",
    }


@dataclass(frozen=True)
class Hop:
    """One attention layer's intermediates, in the order of its steps."""

    query: FloatArray  # u^{k-1}, questions × question_dim
    hidden: FloatArray  # h_A^k, questions × regions × attention_dim
    scores: FloatArray  # W_P h_A + b_P, questions × 1 × regions
    attention: FloatArray  # p_I^k, questions × 1 × regions; sums to 1 over regions
    attended: FloatArray  # ṽ_I^k, questions × 1 × question_dim


@dataclass(frozen=True)
class SANOutput:
    """The inputs and every intermediate, in the order of their making."""

    regions: FloatArray  # f_I, images × regions × region_dim
    tokens: IntArray  # q, questions × words
    lengths: IntArray  # questions
    image_index: IntArray  # questions
    image: FloatArray  # v_I, images × regions × question_dim
    embedded: FloatArray  # x_t = W_e q_t, questions × words × embedding_dim
    states: LSTMStates
    hops: tuple[Hop, ...]
    query: FloatArray  # u^K, questions × question_dim
    word_term: FloatArray | None  # Σ_t w[q_t], questions × answers; the paper has none
    logits: FloatArray  # p_ans = softmax(logits), questions × answers

    @property
    def question(self) -> FloatArray:
        """v_Q = u⁰, questions × question_dim."""
        return self.states.hidden[-1]

    @property
    def scores(self) -> FloatArray:
        """W_P h_A^k + b_P, whose softmax the attention is, questions × hops × regions."""
        return np.concatenate([hop.scores for hop in self.hops], axis=1)

    @property
    def attention(self) -> FloatArray:
        """p_I^k, questions × hops × regions; sums to 1 over regions."""
        return np.concatenate([hop.attention for hop in self.hops], axis=1)

    @property
    def attended(self) -> FloatArray:
        """ṽ_I^k, questions × hops × question_dim."""
        return np.concatenate([hop.attended for hop in self.hops], axis=1)


def san(
    weights: Mapping[str, FloatArray],
    regions: FloatArray,
    tokens: IntArray,
    lengths: IntArray,
    image_index: IntArray | None = None,
) -> SANOutput:
    """Answer questions about images, in the floating type of the weights.

    Arguments and errors are those of `saaa`; `regions` is f_I, images × regions × region_dim.
    """
    expect_weights(weights, san_shapes_of(weights))
    p = by_symbol(weights, SYMBOLS)
    image_index = expect_batch(
        regions, tokens, lengths, image_index, region_dim=p.W_I.shape[1], words=len(p.E)
    )
    regions = regions.astype(p.W_I.dtype)

    # Section 3.1, image: v_I = tanh(W_I f_I + b_I), at each region
    v = tanh(linear(regions, p.W_I, p.b_I))  # images × regions × question_dim

    # Section 3.2.1, question: x_t = W_e q_t, v_Q = h_T, the LSTM's last *hidden* state
    embedded = lookup(p.E, tokens)  # questions × words × embedding_dim
    states = lstm(embedded, lengths, p.W, p.U, p.b_W, p.b_U)

    # Section 3.3, stacked attention: u⁰ = v_Q, u^k = ṽ_I^k + u^{k-1}
    u, hops = states.hidden[-1], []  # questions × question_dim
    for k in range(hops_of(weights)):
        hops.append(_hop(by_symbol(weights, hop_symbols(k)), v, u, image_index))
        u = hops[-1].attended[:, 0] + u

    # Section 3.3, answer: p_ans = softmax(W_u u^K + b_u)
    logits = linear(u, p.W_u, p.b_u)  # questions × answers

    # Beyond the paper, where the weights have it: logits + Σ_t w[q_t]
    of_words = word_term(weights, tokens, lengths, words=len(p.E))
    logits = logits if of_words is None else logits + of_words
    return SANOutput(
        regions, tokens, lengths, image_index, v, embedded, states, tuple(hops), u, of_words, logits
    )


def _hop(p: SimpleNamespace, v: FloatArray, u: FloatArray, image_index: IntArray) -> Hop:
    """Look at the image once, for the query u.

    h_A = tanh(W_{I,A} v_I ⊕ (W_{Q,A} u + b_A)), p_I = softmax(W_P h_A + b_P), ṽ_I = Σ_i p_i v_i,
    where ⊕ adds a vector to every column: here, the query to every region.
    """
    projected = linear(v, p.W_IA)  # images × regions × attention_dim
    query_projected = linear(u, p.W_QA, p.b_A)  # questions × attention_dim
    h = tanh(add_to_regions(projected, query_projected, image_index))
    scores = linear(h, p.W_P, p.b_P).transpose(0, 2, 1)  # questions × 1 × regions
    attention = softmax(scores)  # questions × 1 × regions
    attended = weighted_sum(attention, v, image_index)  # questions × 1 × question_dim
    return Hop(u, h, scores, attention, attended)


def san_backward(
    weights: Mapping[str, FloatArray], output: SANOutput, dlogits: FloatArray
) -> tuple[Weights, FloatArray]:
    """Return the gradient of every weight, under its name, and that of the regions.

    Arguments are those of `saaa_backward`, with the result of `san`.
    """
    o, p, d = output, by_symbol(weights, SYMBOLS), SimpleNamespace()

    # Beyond the paper: logits = … + Σ_t w[q_t]. A sum hands dlogits on to both of its terms.
    gradients = word_term_backward(weights, dlogits, o.tokens, o.lengths, words=len(p.E))

    # Section 3.3, answer: logits = W_u u^K + b_u
    du, d.W_u, d.b_u = linear_backward(dlogits, o.query, p.W_u)

    # Section 3.3, stacked attention: u^k = ṽ_I^k + u^{k-1}. Both get du^k as it is, and u^{k-1}
    # what comes back through the hop that it queried, too. Every hop saw v_I: they add up.
    dv = np.zeros_like(o.image)  # images × regions × question_dim
    for k, hop in reversed(list(enumerate(o.hops))):
        symbols = hop_symbols(k)
        d_hop, dv_hop, du_hop = _hop_backward(
            by_symbol(weights, symbols), hop, du[:, None], o.image, o.image_index
        )
        gradients |= by_name(d_hop, symbols)
        du, dv = du + du_hop, dv + dv_hop

    # Section 3.2.1: v_Q = h_T = u⁰. The last cell state is not used elsewhere.
    dembedded, d.W, d.U, d.b_W = lstm_backward(
        du, np.zeros_like(du), o.states, o.embedded, o.lengths, p.W, p.U
    )
    d.b_U = d.b_W  # the gates see b_W + b_U alone
    d.E = embedding_backward(dembedded, o.tokens, len(p.E))

    # Section 3.1: v_I = tanh(W_I f_I + b_I)
    dregions, d.W_I, d.b_I = linear_backward(tanh_backward(dv, o.image), o.regions, p.W_I)
    return gradients | by_name(d, SYMBOLS), dregions


def _hop_backward(
    p: SimpleNamespace, hop: Hop, dattended: FloatArray, v: FloatArray, image_index: IntArray
) -> tuple[SimpleNamespace, FloatArray, FloatArray]:
    """Return the gradients of the hop's weights, dv_I and du^{k-1}.

    Args:
        p: the hop's weights by their symbols.
        hop: its intermediates.
        dattended: dṽ_I, questions × 1 × question_dim.
        v: v_I, images × regions × question_dim.
        image_index: the image of each question.
    """
    d = SimpleNamespace()
    # ṽ_I = Σ_i p_i v_i, p_I = softmax(scores), scores = W_P h_A + b_P
    dattention, dv = weighted_sum_backward(dattended, hop.attention, v, image_index)
    dscores = softmax_backward(dattention, hop.attention)  # questions × 1 × regions
    dh, d.W_P, d.b_P = linear_backward(dscores.transpose(0, 2, 1), hop.hidden, p.W_P)
    # h_A = tanh(W_{I,A} v_I ⊕ (W_{Q,A} u + b_A))
    dh = tanh_backward(dh, hop.hidden)  # questions × regions × attention_dim
    dprojected, dquery_projected = add_to_regions_backward(dh, image_index, len(v))
    du, d.W_QA, d.b_A = linear_backward(dquery_projected, hop.query, p.W_QA)
    dv_projected, d.W_IA, _ = linear_backward(dprojected, v, p.W_IA)
    return d, dv + dv_projected, du


san_gradients = gradients_of(san, san_backward)
