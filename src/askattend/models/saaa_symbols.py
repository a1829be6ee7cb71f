"""The symbols of SAAA's paper, in the order of the forward pass."""

from __future__ import annotations

from askattend.models.symbols import Symbol

V = Symbol(
    "regions",
    "v = φ",
    "2",
    "image features, a vector for each of the L regions",
    "images regions region_dim",
    "images region_dim rows columns",
)
V_HAT = Symbol(
    "normalised",
    "v̂ = v / ‖v‖₂",
    "§3.1",
    "every region's vector brought to length 1",
    "images regions region_dim",
    "images region_dim rows columns",
)
V_CONV = Symbol(
    "projected",
    "v_conv = W_v v̂",
    "§3.3",
    "F's first layer, the image's part; all glimpses share it",
    "images regions attention_dim",
    "images attention_dim rows columns",
)
Q = Symbol("tokens", "q", "§3.2", "the question's words, as numbers", "questions words")
E_Q = Symbol(
    "embedded",
    "E_q = {e₁ … e_P}",
    "§3.2",
    "a vector of width D for each word, after tanh",
    "questions words embedding_dim",
)
H_T = Symbol(
    "states",
    "h_t of LSTM(E_q)",
    "3",
    "the LSTM's hidden state after each word, 0 where a question has ended; s is its cell state",
    "questions words question_dim",
)
S = Symbol(
    "question",
    "s = LSTM(E_q)",
    "3",
    "question state: the LSTM's last cell state",
    "questions question_dim",
)
Q_LIN = Symbol(
    "question_projected",
    "q_lin = W_q s + b_q",
    "§3.3",
    "F's first layer, the question's part, the same at each region",
    "questions attention_dim",
    "questions attention_dim 1 1",
)
H = Symbol(
    "hidden",
    "h = ReLU(v_conv + q_lin)",
    "§3.3",
    "F's hidden layer",
    "questions regions attention_dim",
    "questions attention_dim rows columns",
)
SCORES = Symbol(
    "scores",
    "F_c(s, φ_l) = (W_x h_l + b_x)_c",
    "4",
    "how much each of the C glimpses wants each region",
    "questions glimpses regions",
    "questions glimpses rows columns",
)
ALPHA = Symbol(
    "attention",
    "α_{c,l} = softmax_l F_c(s, φ_l)",
    "4",
    "softmax of the scores over the regions",
    "questions glimpses regions",
    "questions glimpses rows columns",
)
X_C = Symbol(
    "attended",
    "x_c = Σ_l α_{c,l} v̂_l",
    "5",
    "attended features: what each glimpse saw (the paper's φ_l is v̂_l by then)",
    "questions glimpses region_dim",
    "questions (glimpses region_dim)",
)
COMBINED = Symbol(
    "combined",
    "[x, s] = [x₁ … x_C, s]",
    "6",
    "all glimpses and the question, joined",
    "questions combined_dim",
)
G_HIDDEN = Symbol(
    "answer_hidden", "ReLU(W₁[x, s] + b₁)", "6", "G's hidden layer", "questions hidden_dim"
)
G = Symbol(
    "logits",
    "G_i(x, s) = (W₂ ReLU(W₁[x, s] + b₁) + b₂)_i",
    "6",
    "answers: their unnormalised log-probabilities; P(a_i|I, q) is their softmax",
    "questions answers",
)
