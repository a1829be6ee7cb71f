"""Show, Ask, Attend, and Answer (Kazemi & Elqursh 2017, arXiv 1704.03162).

``paper.X(t)`` gives `t` back, and names it by the paper's symbol X for whoever records.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from askattend.models import saaa_symbols as paper
from askattend.models.edited_attention import EditedAttention, edit
from askattend.models.encoders import LSTMEncoder
from askattend.models.kernels import (
    Dropout,
    attention_scores,
    l2_normalise,
    linear,
    matmul_dtype,
    softmax,
    weighted_sum,
)
from askattend.models.network import ImageEncoding, Network, NetworkConfig, Output, initialise
from askattend.models.own_attention import HIDDEN_NAMES, as_projected_attention, scores_of
from askattend.models.tensors import ImageIndex, Lengths, QuestionEncoding, Regions, Tokens
from askattend.models.word_logits import (
    WordLogitsChoice,
    add_word_logits,
    make_word_logits,
    split_word_logits,
    with_word_logits,
)
from askattend.settings import Positive, Probability


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

    name = "saaa"
    maps_name = "glimpse"

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
        self.encoder = LSTMEncoder(
            words=words,
            embedding_dim=config.embedding_dim,
            question_dim=config.question_dim,
            state="cell",
            tanh_embedding=True,
            dropout=config.dropout,
            embedded=paper.E_Q,
            states=paper.H_T,
        )
        # The paper's attention as it is; one's own is wrapped where it lacks `project`.
        self.attention: Any = as_projected_attention(
            attention
            if attention is not None
            else GlimpseAttention(
                region_dim=region_dim,
                question_dim=config.question_dim,
                attention_dim=config.attention_dim,
                glimpses=config.glimpses,
                dropout=config.dropout,
            )
        )
        self.classifier: Any = nn.Sequential(
            Dropout(config.dropout),
            nn.Linear(config.glimpses * region_dim + config.question_dim, config.hidden_dim),
            nn.ReLU(),
            Dropout(config.dropout),
            nn.Linear(config.hidden_dim, answers),
        )
        initialise(self.classifier)
        self.word_logits = make_word_logits(config.word_logits, words=words, answers=answers)

    def encode_image(self, regions: Regions) -> ImageEncoding:
        """Normalise and project each image once, however many questions follow."""
        dtype = matmul_dtype(self.classifier[1].weight)
        v = paper.V_HAT(l2_normalise(paper.V(regions), dtype))  # v̂ = v / ‖v‖₂, at each region
        return ImageEncoding(v, (self.attention.project(v),), self.blank(regions))  # W_v v̂

    def encode_question(self, tokens: Tokens, lengths: Lengths) -> QuestionEncoding:
        """Read questions, which needs no image."""
        s = paper.S(self.encoder(paper.Q(tokens), lengths))  # s = LSTM(E_q): its cell state
        return with_word_logits(self.word_logits, s, tokens)

    def answer(
        self,
        image: ImageEncoding,
        question: QuestionEncoding,
        image_index: ImageIndex,
        edited: EditedAttention | None = None,
    ) -> Output:
        """Attend to each question's image, and classify."""
        (projected,) = image.projected
        question, word_logits = split_word_logits(self.word_logits, question)
        scores = image.hide_blank(self.attention(projected, question, image_index), image_index)
        f, alpha = scores_of(self.attention, GlimpseAttention, paper.SCORES, paper.ALPHA)
        scores = f(scores)  # F_c(s, φ_l)
        attention = softmax(scores)  # α_{c,l} ∝ exp F_c(s, φ_l), Σ_l α_{c,l} = 1
        attention = alpha(edit(attention, edited))
        attended = paper.X_C(weighted_sum(attention, image.regions, image_index))  # Σ_l α_{c,l} v̂_l
        combined = paper.COMBINED(torch.cat([attended.flatten(1), question], dim=1))  # [x, s]
        drop, first, relu, drop_hidden, last = self.classifier
        hidden = paper.G_HIDDEN(relu(linear(first, drop(combined))))  # ReLU(W₁[x, s] + b₁)
        logits = linear(last, drop_hidden(hidden))  # G(x, s); P(a | I, q) = softmax(logits)
        logits = add_word_logits(logits, word_logits, paper.G)
        return Output(logits, attention, scores, attended, question)

    @classmethod
    def own_attention(
        cls, config: Any, *, region_dim: int, make: Callable[[Mapping[str, Any]], nn.Module]
    ) -> nn.Module:
        """Make an attention of one's own; its hidden width is `config.attention_dim`."""
        return make(
            {
                "region_dim": region_dim,
                "question_dim": config.question_dim,
                **dict.fromkeys(HIDDEN_NAMES, config.attention_dim),
                "glimpses": config.glimpses,
                "dropout": config.dropout,
            }
        )

    @classmethod
    def config_type(cls) -> type[SAAAConfig]:
        """Return the type of its settings."""
        return SAAAConfig

    def word_embeddings(self) -> list[Tensor]:
        """Return the question encoder's table of word vectors."""
        return [self.encoder.embedding.weight]


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
        return paper.V_CONV(self.region(self.drop(regions)))

    def forward(
        self,
        projected: Float[Tensor, "images regions attention_dim"],
        question: Float[Tensor, "questions question_dim"],
        image_index: Int[Tensor, " questions"],
    ) -> Float[Tensor, "questions glimpses regions"]:
        """Score every region of each question's image, once a glimpse."""
        question_projected = paper.Q_LIN(self.question(self.drop(question)))  # W_q s + b_q
        return attention_scores(  # W_x·drop(h) + b_x with h = ReLU(W_v v̂ + W_q s + b_q)
            projected,
            question_projected,
            image_index,
            self.score,
            activation="relu",
            drop=self.drop,
            hidden=paper.H,
        )


@dataclass(frozen=True)
class SAAAConfig(NetworkConfig):
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
    word_logits: WordLogitsChoice = "none"
    """Linear term beside the network: of words, or of pairs of words too; the paper has none."""
