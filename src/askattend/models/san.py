"""Stacked Attention Networks (Yang, He, Gao, Deng & Smola 2016, arXiv 1511.02274)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from askattend.models.attention import initialise, weighted_sum
from askattend.models.output import Output
from askattend.models.question import LSTMQuestion
from askattend.settings import Positive, Probability, check


@dataclass(frozen=True)
class SANConfig:
    """Widths of the network; the defaults are the paper's."""

    embedding_dim: Positive = 500
    """Width of a word's embedding."""
    question_dim: Positive = 500
    """Width of the LSTM's state and of the image layer (d)."""
    attention_dim: Positive = 512
    """Width of the hidden layer of each hop (k)."""
    hops: Positive = 2
    """Number of attention layers (K)."""
    dropout: Probability = 0.5
    """Probability of dropping an element of u^K, before the answer layer."""

    def __post_init__(self) -> None:
        check(self)


class Look(NamedTuple):
    """What is computed once an image, before any question is known."""

    regions: Float[Tensor, "images regions question_dim"]  # v_I
    projected: tuple[Float[Tensor, "images regions attention_dim"], ...]  # W_{I,A}^k v_I, each hop


class SAN(nn.Module):
    """The question's vector queries the image K times, refined by what it finds at each hop.

    Args:
        config: widths, hops and dropout.
        words: the size of the word vocabulary.
        answers: the size of the answer vocabulary.
        region_dim: the width of f_I at one region.
    """

    def __init__(
        self, config: SANConfig | None = None, *, words: int, answers: int, region_dim: int
    ) -> None:
        super().__init__()
        self.config = config = config or SANConfig()
        self.encoder = LSTMQuestion(
            words=words,
            embedding_dim=config.embedding_dim,
            question_dim=config.question_dim,
            state="hidden",
            squash=False,
            dropout=0.0,
        )
        self.image = nn.Linear(region_dim, config.question_dim)  # W_I, b_I
        self.hops = nn.ModuleList(
            HopAttention(question_dim=config.question_dim, attention_dim=config.attention_dim)
            for _ in range(config.hops)
        )
        self.drop = nn.Dropout(config.dropout)
        self.answer = nn.Linear(config.question_dim, answers)  # W_u, b_u
        for part in (self.image, self.hops, self.answer):
            initialise(part)

    def look(self, regions: Float[Tensor, "images regions region_dim"]) -> Look:
        """Project each image once, however many questions follow."""
        v = torch.tanh(self.image(regions.to(self.image.weight.dtype)))  # v_I = tanh(W_I f_I + b_I)
        projected = [hop.project(v) for hop in self.hops]  # type: ignore[operator]
        return Look(v, tuple(projected))

    def ask(
        self,
        look: Look,
        tokens: Int[Tensor, "questions words"],
        lengths: Int[Tensor, " questions"],
        image_index: Int[Tensor, " questions"],
    ) -> Output:
        """Answer questions about images already looked at."""
        question = query = self.encoder(tokens, lengths)  # u⁰ = v_Q
        hops = []
        for hop, projected in zip(self.hops, look.projected, strict=True):
            scores = hop(projected, query, image_index)  # W_P h_A + b_P
            attention = scores.softmax(dim=-1)  # p_I
            attended = weighted_sum(attention, look.regions, image_index)  # ṽ_I = Σ_i p_i v_i
            query = attended.squeeze(1) + query  # u^k = ṽ_I^k + u^{k-1}
            hops.append((scores, attention, attended))
        logits = self.answer(self.drop(query))  # p_ans = softmax(W_u u^K + b_u)
        scores, attention, attended = (torch.cat(part, dim=1) for part in zip(*hops, strict=True))
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
            regions: f_I, of any floating type.
            tokens: word indices, padded with 0.
            lengths: the number of real words of each question.
            image_index: the row of `regions` each question is about; by default, its own row.
        """
        if image_index is None:
            image_index = torch.arange(len(tokens), device=tokens.device)
        return self.ask(self.look(regions), tokens, lengths, image_index)


class HopAttention(nn.Module):
    """h_A = tanh(W_{I,A} v_I ⊕ (W_{Q,A} u + b_A)), scores = W_P h_A + b_P (eqs. 15-16, 18-19)."""

    def __init__(self, *, question_dim: int, attention_dim: int) -> None:
        super().__init__()
        self.region = nn.Linear(question_dim, attention_dim, bias=False)  # W_{I,A}
        self.query = nn.Linear(question_dim, attention_dim)  # W_{Q,A}, b_A
        self.score = nn.Linear(attention_dim, 1)  # W_P, b_P

    def project(
        self, regions: Float[Tensor, "images regions question_dim"]
    ) -> Float[Tensor, "images regions attention_dim"]:
        """W_{I,A} v_I, the part that needs no question."""
        projected: Tensor = self.region(regions)
        return projected

    def forward(
        self,
        projected: Float[Tensor, "images regions attention_dim"],
        query: Float[Tensor, "questions question_dim"],
        image_index: Int[Tensor, " questions"],
    ) -> Float[Tensor, "questions 1 regions"]:
        """Score every region of each question's image."""
        h = torch.tanh(projected[image_index] + self.query(query)[:, None])
        scores: Tensor = self.score(h).transpose(1, 2)  # questions × 1 × regions
        return scores
