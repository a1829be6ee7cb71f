"""Stacked Attention Networks (Yang, He, Gao, Deng & Smola 2016, arXiv 1511.02274).

The authors' published code differs from their paper in four places: a tanh on each of the two
projections instead of one on their sum, and another on the scores; an LSTM that reads the question
backwards and puts out o∘c; a CNN whose windows reach over the question's end. `variant` chooses.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from askattend.errors import ConfigError
from askattend.models.attention import (
    fitted,
    product_type,
    softmax,
    spread,
    weighted_sum,
    written_out,
)
from askattend.models.encoders import CNNQuestion, LSTMQuestion, PublishedLSTMQuestion
from askattend.models.initialisation import initialise, initialise_as_published
from askattend.models.kernels.attention_scores import scores_of
from askattend.models.kernels.buffer_pool import converted
from askattend.models.kernels.dropout import Dropout
from askattend.models.network import Network
from askattend.models.output import Output
from askattend.models.symbols import Symbol
from askattend.settings import Positive, Probability, check

Variant = Literal["paper", "published-code"]

# --- the paper's symbols, in the order of the forward pass -------------------------------------

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
W_U = Symbol(
    "asked.{k}",
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


@dataclass(frozen=True)
class SANConfig:
    """Widths of the network; the defaults are the paper's."""

    variant: Variant = "paper"
    """Whether the equations are the paper's, or those of the authors' published code."""
    encoder: Literal["lstm", "cnn"] = "lstm"
    """What reads the question."""
    embedding_dim: Positive = 500
    """Width of a word's embedding."""
    question_dim: Positive = 500
    """Width of the LSTM's state and then of the image layer (d); with a CNN its filters count."""
    unigram_filters: Positive = 128
    """The CNN's filters over one word; the paper doubles all three for VQA."""
    bigram_filters: Positive = 256
    """The CNN's filters over two words in a row."""
    trigram_filters: Positive = 256
    """The CNN's filters over three words in a row."""
    attention_dim: Positive = 512
    """Width of the hidden layer of each hop (k)."""
    hops: Positive = 2
    """Number of attention layers (K)."""
    dropout: Probability = 0.5
    """Probability of dropping an element of u^K, before the answer layer."""
    initial: Literal["glorot", "published-code"] = "glorot"
    """How weights begin: Glorot-uniform, or embeddings within ±0.5 and all else within ±0.01."""

    def __post_init__(self) -> None:
        check(self)

    @property
    def filters(self) -> tuple[int, int, int]:
        """The CNN's filters over one, two and three words."""
        return self.unigram_filters, self.bigram_filters, self.trigram_filters

    @property
    def width(self) -> int:
        """d, the width of u and of v_I."""
        return self.question_dim if self.encoder == "lstm" else sum(self.filters)


class Look(NamedTuple):
    """What is computed once an image, before any question is known."""

    regions: Float[Tensor, "images regions question_dim"]  # v_I
    projected: tuple[Float[Tensor, "images regions attention_dim"], ...]  # W_{I,A}^k v_I, each hop


class SAN(Network):
    """The question's vector queries the image K times, refined by what it finds at each hop.

    Args:
        config: widths, hops, variant and dropout.
        words: the size of the word vocabulary.
        answers: the size of the answer vocabulary.
        region_dim: the width of f_I at one region.
        attention: modules of one's own in place of `HopAttention`, one a hop; a single one serves
            every hop with the same weights. `askattend.check` can try them out.
    """

    maps_name = "hop"
    sees = "image and question"
    attends = True

    def __init__(
        self,
        config: SANConfig | None = None,
        *,
        words: int,
        answers: int,
        region_dim: int,
        attention: nn.Module | Sequence[nn.Module] | None = None,
    ) -> None:
        super().__init__()
        self.config = config = config or SANConfig()
        self.encoder = question_encoder(config, words=words)
        self.image = nn.Linear(region_dim, config.width)  # W_I, b_I
        self.hops = nn.ModuleList(_hops(config, attention))
        self.drop = Dropout(config.dropout)
        self.answer = nn.Linear(config.width, answers)  # W_u, b_u
        self._question = replace(V_Q, equation="14") if config.encoder == "cnn" else V_Q
        self._scores = E_I_PUBLISHED if config.variant == "published-code" else E_I
        for part in (self.image, self.answer):
            initialise(part)
        if config.initial == "published-code":
            initialise_as_published(self)

    def look(self, regions: Float[Tensor, "images regions region_dim"]) -> Look:
        """Project each image once, however many questions follow."""
        dtype = product_type(self.image.weight)
        f = F_I(regions if regions.dtype == dtype else converted(regions, dtype))
        v = V_I(torch.tanh(self.image(f)))  # v_I = tanh(W_I f_I + b_I)
        hops: Any = self.hops
        return Look(v, tuple(hop.project(v) for hop in hops))

    def encode(
        self, tokens: Int[Tensor, "questions words"], lengths: Int[Tensor, " questions"]
    ) -> Float[Tensor, "questions question_dim"]:
        """Read questions, which needs no image."""
        return self._question(self.encoder(Q(tokens), lengths))  # u⁰ = v_Q

    def attend(
        self,
        look: Look,
        question: Float[Tensor, "questions question_dim"],
        image_index: Int[Tensor, " questions"],
    ) -> Output:
        """Answer questions already read about images already looked at."""
        query = question
        hops = []
        for k, (hop, projected) in enumerate(zip(self.hops, look.projected, strict=True), 1):
            scores = self._scores(hop(projected, query, image_index), k)  # W_P h_A + b_P
            attention = P_I(softmax(scores), k)  # p_I
            attended = V_TILDE(weighted_sum(attention, look.regions, image_index), k)  # Σ_i p_i v_i
            query = U(attended.squeeze(1) + query, k)  # u^k = ṽ_I^k + u^{k-1}
            hops.append((scores, attention, attended))
        logits = LOGITS(self.answer(self.drop(query)))  # p_ans = softmax(W_u u^K + b_u)
        scores, attention, attended = (torch.cat(part, dim=1) for part in zip(*hops, strict=True))
        return Output(logits, attention, scores, attended, question)


def question_encoder(
    config: SANConfig, *, words: int
) -> LSTMQuestion | PublishedLSTMQuestion | CNNQuestion:
    """The network that reads the question, as encoder and variant say."""
    words_of: dict[str, Any] = {"words": words, "embedding_dim": config.embedding_dim}
    if config.encoder == "cnn":
        over_padding = config.variant == "published-code"
        return CNNQuestion(**words_of, filters=config.filters, over_padding=over_padding)
    if config.variant == "published-code":
        return PublishedLSTMQuestion(**words_of, question_dim=config.question_dim)
    return LSTMQuestion(
        **words_of, question_dim=config.question_dim, state="hidden", squash=False, dropout=0.0
    )


def _hops(config: SANConfig, attention: nn.Module | Sequence[nn.Module] | None) -> list[nn.Module]:
    if attention is None:
        sizes = {"question_dim": config.width, "attention_dim": config.attention_dim}
        numbers = range(1, config.hops + 1)
        return [HopAttention(**sizes, variant=config.variant, hop=k) for k in numbers]
    if isinstance(attention, nn.Module):
        attention = [attention] * config.hops
    if len(attention) != config.hops:
        raise ConfigError(
            f"{len(attention)} attention modules for {config.hops} hops",
            where="SAN(attention=…)",
            remedy="Give one a hop, or SANConfig(hops=…).",
        )
    return [fitted(module) for module in attention]


class HopAttention(nn.Module):
    """h_A = tanh(W_{I,A} v_I ⊕ (W_{Q,A} u + b_A)), scores = W_P h_A + b_P (eqs. 15-16, 19-20).

    The published code: h_A = tanh(W_{I,A} v_I + a) ⊕ tanh(W_{Q,A} u + b_A), scores =
    tanh(W_P h_A + b_P). Its scores lie within ±1, so that no region outweighs another by more than
    e² ≈ 7.4 times and maps look flat unless they are rescaled.

    Args:
        question_dim: d, the width of u and of v_I.
        attention_dim: k, the width of h_A.
        variant: whose equations.
        hop: its number, from 1; only names its steps.
    """

    def __init__(
        self, *, question_dim: int, attention_dim: int, variant: Variant = "paper", hop: int = 1
    ) -> None:
        super().__init__()
        self.published, self.hop = variant == "published-code", hop
        self.region = nn.Linear(question_dim, attention_dim, bias=self.published)  # W_{I,A}, a
        self.query = nn.Linear(question_dim, attention_dim)  # W_{Q,A}, b_A
        self.score = nn.Linear(attention_dim, 1)  # W_P, b_P
        initialise(self)

    def project(
        self, regions: Float[Tensor, "images regions question_dim"]
    ) -> Float[Tensor, "images regions attention_dim"]:
        """W_{I,A} v_I, the part that needs no question; the published code's tanh of it."""
        if self.published:
            return W_V_PUBLISHED(self.region(regions).tanh(), self.hop)
        return W_V(self.region(regions), self.hop)

    def forward(
        self,
        projected: Float[Tensor, "images regions attention_dim"],
        query: Float[Tensor, "questions question_dim"],
        image_index: Int[Tensor, " questions"],
    ) -> Float[Tensor, "questions 1 regions"]:
        """Score every region of each question's image."""
        asked = self.query(query)  # questions × attention_dim
        if self.published:
            asked = W_U_PUBLISHED(asked.tanh(), self.hop)
            h = H_A_PUBLISHED(spread(projected, image_index) + asked[:, None], self.hop)
            return self.score(h).tanh().transpose(1, 2)  # type: ignore[no-any-return]
        asked = W_U(asked, self.hop)
        if not written_out(projected):
            weight, bias = (p.to(projected.dtype) for p in (self.score.weight, self.score.bias))
            return scores_of(projected, asked, weight, bias, image_index, activation="tanh")
        h = H_A(torch.tanh(spread(projected, image_index) + asked[:, None]), self.hop)
        scores: Tensor = self.score(h).transpose(1, 2)  # questions × 1 × regions
        return scores
