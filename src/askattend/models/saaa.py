"""Show, Ask, Attend, and Answer (Kazemi & Elqursh 2017, arXiv 1704.03162)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from askattend.models.attention import initialise, weighted_sum
from askattend.models.output import Output
from askattend.models.question import LSTMQuestion
from askattend.settings import Positive, Probability, check


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


class SAAA(nn.Module):
    """An LSTM's cell state attends to the image C times; a two-layer classifier answers.

    Args:
        config: widths and dropout.
        words: the size of the word vocabulary.
        answers: M, the size of the answer vocabulary.
        region_dim: the width of φ at one region.
    """

    def __init__(
        self, config: SAAAConfig | None = None, *, words: int, answers: int, region_dim: int
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
        )
        self.attention = GlimpseAttention(
            region_dim=region_dim,
            question_dim=config.question_dim,
            attention_dim=config.attention_dim,
            glimpses=config.glimpses,
            dropout=config.dropout,
        )
        self.classifier = nn.Sequential(
            nn.Dropout(config.dropout),
            nn.Linear(config.glimpses * region_dim + config.question_dim, config.hidden_dim),
            nn.ReLU(),
            nn.Dropout(config.dropout),
            nn.Linear(config.hidden_dim, answers),
        )
        initialise(self.attention)
        initialise(self.classifier)

    def look(self, regions: Float[Tensor, "images regions region_dim"]) -> Look:
        """Normalise and project each image once, however many questions follow."""
        regions = regions.to(self.attention.region.weight.dtype)
        norm = regions.norm(dim=-1, keepdim=True)
        regions = regions / (norm + 1e-8)  # v̂ = v / (‖v‖₂ + ε), at each region
        return Look(regions, self.attention.project(regions))

    def ask(
        self,
        look: Look,
        tokens: Int[Tensor, "questions words"],
        lengths: Int[Tensor, " questions"],
        image_index: Int[Tensor, " questions"],
    ) -> Output:
        """Answer questions about images already looked at."""
        question = self.encoder(tokens, lengths)  # s = LSTM(tanh(drop(E_q)))
        scores = self.attention(look.projected, question, image_index)  # F_c(s, φ_l)
        attention = scores.softmax(dim=-1)  # α_{c,l} ∝ exp F_c(s, φ_l), Σ_l α_{c,l} = 1
        attended = weighted_sum(attention, look.regions, image_index)  # x_c = Σ_l α_{c,l} φ_l
        combined = torch.cat([attended.flatten(1), question], dim=1)  # [x, s]
        logits = self.classifier(combined)  # P(a | I, q) = softmax(logits)
        return Output(logits, attention, scores, attended, question)

    def forward(
        self,
        regions: Float[Tensor, "images regions region_dim"],
        tokens: Int[Tensor, "questions words"],
        lengths: Int[Tensor, " questions"],
        image_index: Int[Tensor, " questions"] | None = None,
    ) -> Output:
        """Look and ask in one pass.

        Args:
            regions: φ, of any floating type.
            tokens: word indices, padded with 0.
            lengths: the number of real words of each question.
            image_index: the row of `regions` each question is about; by default, its own row.
        """
        if image_index is None:
            image_index = torch.arange(len(tokens), device=tokens.device)
        return self.ask(self.look(regions), tokens, lengths, image_index)


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
        dropout: float,
    ) -> None:
        super().__init__()
        self.drop = nn.Dropout(dropout)
        self.region = nn.Linear(region_dim, attention_dim, bias=False)  # W_v; b_q serves both
        self.question = nn.Linear(question_dim, attention_dim)  # W_q, b_q
        self.score = nn.Linear(attention_dim, glimpses)  # W_x, b_x

    def project(
        self, regions: Float[Tensor, "images regions region_dim"]
    ) -> Float[Tensor, "images regions attention_dim"]:
        """W_v·drop(v̂), the part that needs no question."""
        projected: Tensor = self.region(self.drop(regions))
        return projected

    def forward(
        self,
        projected: Float[Tensor, "images regions attention_dim"],
        question: Float[Tensor, "questions question_dim"],
        image_index: Int[Tensor, " questions"],
    ) -> Float[Tensor, "questions glimpses regions"]:
        """Score every region of each question's image, once a glimpse."""
        asked = self.question(self.drop(question))  # questions × attention_dim
        h = F.relu(projected[image_index] + asked[:, None])  # questions × regions × attention_dim
        scores: Tensor = self.score(self.drop(h)).transpose(1, 2)
        return scores
