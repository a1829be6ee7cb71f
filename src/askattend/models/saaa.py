"""Show, Ask, Attend, and Answer (Kazemi & Elqursh 2017, arXiv 1704.03162)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from askattend.models.attention import (
    fitted,
    product_type,
    softmax,
    spread,
    unit,
    weighted_sum,
    written_out,
)
from askattend.models.encoders import LSTMQuestion
from askattend.models.initialisation import initialise
from askattend.models.kernels.attention_scores import scores_of
from askattend.models.kernels.dropout import Dropout, kept
from askattend.models.network import Network
from askattend.models.output import Output
from askattend.models.symbols import Symbol
from askattend.settings import Positive, Probability, check

# --- the paper's symbols, in the order of the forward pass -------------------------------------

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
    "asked",
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


@dataclass(frozen=True)
class SAAAConfig:
    """Widths of the network; the defaults are the paper's."""

    embedding_dim: Positive = 300
    """Width of a word's embedding (D)."""
    question_dim: Positive = 1024
    """Width of the LSTM's state (s)."""
    attention_dim: Positive = 512
    """Width of the hidden layer that all glimpses share."""
    glimpses: Positive = 2
    """Number of attention maps (C)."""
    hidden_dim: Positive = 1024
    """Width of the classifier's hidden layer."""
    dropout: Probability = 0.5
    """Probability of dropping an element, before every layer."""

    def __post_init__(self) -> None:
        check(self)


class Look(NamedTuple):
    """What is computed once an image, before any question is known."""

    regions: Float[Tensor, "images regions region_dim"]  # v̂
    projected: Float[Tensor, "images regions attention_dim"]  # W_v·drop(v̂)


class SAAA(Network):
    """An LSTM's cell state attends to the image C times; a two-layer classifier answers.

    Args:
        config: widths and dropout.
        words: the size of the word vocabulary.
        answers: M, the size of the answer vocabulary.
        region_dim: the width of φ at one region.
        attention: a module of one's own in place of `GlimpseAttention`, which `askattend.check` can
            try out; it must give `config.glimpses` maps.
    """

    maps_name = "glimpse"
    sees = "image and question"
    attends = True

    def __init__(
        self,
        config: SAAAConfig | None = None,
        *,
        words: int,
        answers: int,
        region_dim: int,
        attention: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.config = config = config or SAAAConfig()
        self.encoder = LSTMQuestion(
            words=words,
            embedding_dim=config.embedding_dim,
            question_dim=config.question_dim,
            state="cell",
            squash=True,
            dropout=config.dropout,
            embedded=E_Q,
            states=H_T,
        )
        self.attention: Any = (
            fitted(attention)
            if attention is not None
            else GlimpseAttention(
                region_dim=region_dim,
                question_dim=config.question_dim,
                attention_dim=config.attention_dim,
                glimpses=config.glimpses,
                dropout=config.dropout,
            )
        )
        self.classifier = nn.Sequential(
            Dropout(config.dropout),
            nn.Linear(config.glimpses * region_dim + config.question_dim, config.hidden_dim),
            nn.ReLU(),
            Dropout(config.dropout),
            nn.Linear(config.hidden_dim, answers),
        )
        initialise(self.classifier)

    def look(self, regions: Float[Tensor, "images regions region_dim"]) -> Look:
        """Normalise and project each image once, however many questions follow."""
        dtype = product_type(self.classifier[1].weight)  # type: ignore[arg-type]
        regions = V_HAT(unit(V(regions), dtype))  # v̂ = v / ‖v‖₂, at each region
        return Look(regions, self.attention.project(regions))

    def encode(
        self, tokens: Int[Tensor, "questions words"], lengths: Int[Tensor, " questions"]
    ) -> Float[Tensor, "questions question_dim"]:
        """Read questions, which needs no image."""
        return S(self.encoder(Q(tokens), lengths))  # s = LSTM(tanh(drop(E_q)))

    def attend(
        self,
        look: Look,
        question: Float[Tensor, "questions question_dim"],
        image_index: Int[Tensor, " questions"],
    ) -> Output:
        """Answer questions already read about images already looked at."""
        scores = SCORES(self.attention(look.projected, question, image_index))  # F_c(s, φ_l)
        attention = ALPHA(softmax(scores))  # α_{c,l} ∝ exp F_c(s, φ_l), Σ_l α_{c,l} = 1
        attended = X_C(weighted_sum(attention, look.regions, image_index))  # x_c = Σ_l α_{c,l} φ_l
        combined = COMBINED(torch.cat([attended.flatten(1), question], dim=1))  # [x, s]
        drop, first, relu, drop_hidden, last = self.classifier
        hidden = G_HIDDEN(relu(first(drop(combined))))  # ReLU(W₁[x, s] + b₁)
        logits = G(last(drop_hidden(hidden)))  # P(a | I, q) = softmax(logits)
        return Output(logits, attention, scores, attended, question)


class GlimpseAttention(nn.Module):
    """F(s, φ) = W_x·drop(ReLU(W_v·drop(v̂) + W_q·drop(s) + b_q)) + b_x (section 3.3).

    Two 1×1 convolutions over the regions. All glimpses share the first; only the last has an
    output a glimpse. A dropped element of v̂ is dropped for every question of its image.
    """

    def __init__(
        self,
        *,
        region_dim: int,
        question_dim: int,
        attention_dim: int,
        glimpses: int,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        self.drop = Dropout(dropout)
        self.region = nn.Linear(region_dim, attention_dim, bias=False)  # W_v; b_q serves both
        self.question = nn.Linear(question_dim, attention_dim)  # W_q, b_q
        self.score = nn.Linear(attention_dim, glimpses)  # W_x, b_x
        initialise(self)

    def project(
        self, regions: Float[Tensor, "images regions region_dim"]
    ) -> Float[Tensor, "images regions attention_dim"]:
        """W_v·drop(v̂), the part that needs no question."""
        return V_CONV(self.region(self.drop(regions)))

    def forward(
        self,
        projected: Float[Tensor, "images regions attention_dim"],
        question: Float[Tensor, "questions question_dim"],
        image_index: Int[Tensor, " questions"],
    ) -> Float[Tensor, "questions glimpses regions"]:
        """Score every region of each question's image, once a glimpse."""
        asked = Q_LIN(self.question(self.drop(question)))  # W_q s + b_q
        if not written_out(projected):
            return self._scores(projected, asked, image_index)
        h = H(F.relu(spread(projected, image_index) + asked[:, None]))
        scores: Tensor = self.score(self.drop(h)).transpose(1, 2)
        return scores

    def _scores(self, projected: Tensor, asked: Tensor, image_index: Tensor) -> Tensor:
        """The same, a question at a time."""
        drop, layer = self.drop, self.score
        shape = (len(asked), *projected.shape[1:])
        dropping = self.training and drop.p > 0
        return scores_of(
            projected,
            asked,
            layer.weight.to(projected.dtype),
            layer.bias.to(projected.dtype),
            image_index,
            activation="relu",
            kept=kept(shape, drop.p, projected.device) if dropping else None,
            scale=drop.scale if dropping else 1.0,
        )
