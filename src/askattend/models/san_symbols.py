"""The symbols of SAN's paper in the order of the forward pass; then its question encoders'."""

from __future__ import annotations

from dataclasses import replace

from askattend.models.symbols import Symbol

F_I = Symbol(
    "regions",
    "f_I",
    "1",
    "image features, a vector for each of the m regions",
    "images regions region_dim",
    "images region_dim regions",
)
V_I = Symbol(
    "image",
    "v_I = tanh(W_I f_I + b_I)",
    "2",
    "the regions, as wide as the question's vector",
    "images regions question_dim",
    "images question_dim regions",
)
W_V = Symbol(
    "projected.{k}",
    "W_{I,A}^{k} v_I",
    "19",
    "the image's part of the hop's hidden layer",
    "images regions attention_dim",
    "images attention_dim regions",
)
Q = Symbol("tokens", "q_t", "8", "the question's words, as numbers", "questions words")
V_Q = Symbol(
    "question",
    "v_Q = u⁰ = h_T of the LSTM, or [h̃₁, h̃₂, h̃₃] of the CNN",
    "9",
    "the question's encoding: h_T = o∘tanh(c), first word first (published code: last word first, "
    "o∘c); h̃_c: the largest of each filter over time",
    "questions question_dim",
)
V_Q_CNN = replace(V_Q, equation="14")
W_U = Symbol(
    "question_projected.{k}",
    "W_{Q,A}^{k} u^{k-1} + b_A^{k}",
    "19",
    "the query's part of the hop's hidden layer, the same at each region",
    "questions attention_dim",
    "questions attention_dim 1",
)
H_A = Symbol(
    "hidden.{k}",
    "h_A^{k} = tanh(W_{I,A}^{k} v_I ⊕ (W_{Q,A}^{k} u^{k-1} + b_A^{k}))",
    "19",
    "the hop's hidden layer",
    "questions regions attention_dim",
    "questions attention_dim regions",
)
E_I = Symbol(
    "scores.{k}",
    "W_P^{k} h_A^{k} + b_P^{k}",
    "20",
    "how much the query wants each region",
    "questions 1 regions",
    "questions regions",
)
P_I = Symbol(
    "attention.{k}",
    "p_I^{k} = softmax_i(scores.{k})",
    "20",
    "softmax of the scores over the regions",
    "questions 1 regions",
    "questions regions",
)
V_TILDE = Symbol(
    "attended.{k}",
    "ṽ_I^{k} = Σ_i p_i^{k} v_i",
    "21",
    "attended features: what the hop saw",
    "questions 1 question_dim",
    "questions question_dim",
)
U = Symbol(
    "query.{k}",
    "u^{k} = ṽ_I^{k} + u^{k-1}",
    "22",
    "the query, refined by what the hop saw",
    "questions question_dim",
)
# The published code's, where they differ.
W_V_PUBLISHED, W_U_PUBLISHED, H_A_PUBLISHED, E_I_PUBLISHED = (
    replace(symbol, symbol=written, meaning=f"{meaning} (published code: {difference})")
    for symbol, written, meaning, difference in (
        (
            W_V,
            "tanh(W_{I,A}^{k} v_I + a^{k})",
            W_V.meaning,
            "with a bias and a tanh of its own",
        ),
        (
            W_U,
            "tanh(W_{Q,A}^{k} u^{k-1} + b_A^{k})",
            W_U.meaning,
            "with a tanh of its own",
        ),
        (
            H_A,
            "h_A^{k} = tanh(W_{I,A}^{k} v_I + a^{k}) ⊕ tanh(W_{Q,A}^{k} u^{k-1} + b_A^{k})",
            "the hop's hidden layer",
            "no tanh here, as each part has had its own",
        ),
        (
            E_I,
            "tanh(W_P^{k} h_A^{k} + b_P^{k})",
            E_I.meaning,
            "with a tanh, so within ±1",
        ),
    )
)
LOGITS = Symbol(
    "logits",
    "W_u u^K + b_u",
    "23",
    "answers: their unnormalised log-probabilities; p_ans is their softmax",
    "questions answers",
)

# --- the question encoders -----------------------------------------------------------------------

EMBEDDED = Symbol(
    "embedded",
    "x_t",
    "8",
    "a vector for each word",
    "questions words embedding_dim",
)
STATES = Symbol(
    "states",
    "h_t = LSTM(x_t)",
    "9",
    "the LSTM's hidden state after each word; 0 where a question has ended",
    "questions words question_dim",
)
STATES_PUBLISHED = replace(
    STATES,
    symbol="h_t = o_t∘c_t",
    meaning="the LSTM's state after each word, in published code's order, last word first; a "
    "question that has ended keeps its last",
)
# The CNN's. There the words are eq. 10's.
CNN_EMBEDDED = replace(EMBEDDED, equation="10")
_WINDOWS = (
    (1, "unigrams", "x_t", "each word"),
    (2, "bigrams", "x_{t:t+1}", "each two words in a row"),
    (3, "trigrams", "x_{t:t+2}", "each three words in a row"),
)
GRAMS = tuple(
    Symbol(
        name,
        f"h_{{{width},t}} = tanh(W_{width} {words} + b_{width})",
        "11",
        f"filters over {over}; -∞ where they would leave the question",
        "questions windows filters",
    )
    for width, name, words, over in _WINDOWS
)
GRAMS_PUBLISHED = tuple(
    replace(symbol, meaning=f"filters over {over}; in published code over padding, too")
    for symbol, (*_, over) in zip(GRAMS, _WINDOWS, strict=True)
)
LARGEST = tuple(
    Symbol(
        f"largest_{name}",
        f"h̃_{width} = max_t h_{{{width},t}}",
        "13",
        f"each filter over {over} where it is largest",
        "questions filters",
    )
    for width, name, _, over in _WINDOWS
)
