"""Stacked Attention Networks (Yang, He, Gao, Deng & Smola 2016, arXiv 1511.02274).

`variant` chooses between their paper's equations and those of the authors' published code, which
has a tanh on each projection instead of their sum, one more on the scores, and its own encoders.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, Literal

import torch
from jaxtyping import Float, Int
from msgspec import Meta
from torch import Tensor, nn

from askattend.errors import ConfigError
from askattend.models import san_symbols as paper
from askattend.models.edited_attention import EditedAttention, edit
from askattend.models.encoders import LSTMEncoder
from askattend.models.kernels import (
    Activation,
    Dropout,
    attention_scores,
    cast,
    linear,
    matmul_dtype,
    softmax,
    weighted_sum,
    wider_linear,
)
from askattend.models.network import ImageEncoding, Network, NetworkConfig, Output, initialise
from askattend.models.own_attention import HIDDEN_NAMES, as_projected_attention, scores_of
from askattend.models.san_encoders import CNNEncoder, PublishedLSTMEncoder, initialise_as_published
from askattend.models.symbols import Symbol
from askattend.models.tensors import ImageIndex, Lengths, QuestionEncoding, Regions, Tokens
from askattend.models.word_logits import (
    WordLogitsChoice,
    add_word_logits,
    make_word_logits,
    split_word_logits,
    with_word_logits,
)
from askattend.settings import Positive, Probability

# The papers go no further than 3; each is a module, and makes a map.
Hops = Annotated[int, Meta(ge=1, le=100)]
Variant = Literal["paper", "published-code"]


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

    name = "san"
    maps_name = "hop"

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
        self.hops: Any = nn.ModuleList(_hops(config, attention))
        self.drop = Dropout(config.dropout)
        self.classifier = nn.Linear(config.width, answers)  # W_u, b_u
        for part in (self.image, self.classifier):
            initialise(part)
        if config.initial == "published-code":
            initialise_as_published(self)
        self.word_logits = make_word_logits(config.word_logits, words=words, answers=answers)

    def encode_image(self, regions: Regions) -> ImageEncoding:
        """Project each image once, however many questions follow."""
        f = paper.F_I(cast(regions, matmul_dtype(self.image.weight)))
        own = not all(isinstance(hop, HopAttention) for hop in self.hops)
        layer = linear if own else wider_linear  # one's own attention wants d columns, no more
        v = paper.V_I(torch.tanh(layer(self.image, f)))  # v_I = tanh(W_I f_I + b_I)
        projected = tuple(hop.project(v) for hop in self.hops)  # W_{I,A}^k v_I
        return ImageEncoding(v, projected, self.blank(regions))

    def encode_question(self, tokens: Tokens, lengths: Lengths) -> QuestionEncoding:
        """Read questions, which needs no image."""
        symbol = paper.V_Q_CNN if self.config.encoder == "cnn" else paper.V_Q
        v_q = symbol(self.encoder(paper.Q(tokens), lengths))  # u⁰ = v_Q
        return with_word_logits(self.word_logits, v_q, tokens)

    def answer(
        self,
        image: ImageEncoding,
        question: QuestionEncoding,
        image_index: ImageIndex,
        edited: EditedAttention | None = None,
    ) -> Output:
        """Query each question's image hop by hop, and classify."""
        e_i = paper.E_I_PUBLISHED if self.config.variant == "published-code" else paper.E_I
        question, word_logits = split_word_logits(self.word_logits, question)
        u, hops = question, []
        for k, (hop, projected) in enumerate(zip(self.hops, image.projected, strict=True), 1):
            scores = image.hide_blank(hop(projected, u, image_index), image_index)
            named, p_i = scores_of(hop, HopAttention, e_i, paper.P_I)
            scores = named(scores, k)  # W_P h_A + b_P
            attention = edit(softmax(scores), edited, first=k - 1, of=len(self.hops))
            attention = p_i(attention, k)  # p_I^k
            v = weighted_sum(attention, image.regions, image_index)  # Σ_i p_i v_i
            v = v[..., : u.shape[-1]]
            attended = paper.V_TILDE(v, k)  # ṽ_I^k
            u = paper.U(attended.squeeze(1) + u, k)  # u^k = ṽ_I^k + u^{k-1}
            hops.append((scores, attention, attended))
        logits = linear(self.classifier, self.drop(u))  # p_ans = softmax(W_u u^K + b_u)
        logits = add_word_logits(logits, word_logits, paper.LOGITS)
        scores, attention, attended = (torch.cat(part, dim=1) for part in zip(*hops, strict=True))
        return Output(logits, attention, scores, attended, question)

    @property
    def casts_regions_to(self) -> torch.dtype:
        """The products' type."""
        return matmul_dtype(self.image.weight)

    @property
    def depends_on_padding(self) -> bool:
        """True for the published code's CNN, whose windows reach over a question's end."""
        return self.config.variant == "published-code" and self.config.encoder == "cnn"

    @classmethod
    def own_attention(
        cls, config: Any, *, region_dim: int, make: Callable[[Mapping[str, Any]], nn.Module]
    ) -> list[nn.Module]:
        """Make an attention of one's own for each hop; regions are as wide as questions there."""
        sizes = {
            **dict.fromkeys(("region_dim", "question_dim"), config.width),
            **dict.fromkeys(HIDDEN_NAMES, config.attention_dim),
            "glimpses": 1,
            "dropout": config.dropout,
        }
        return [make(sizes) for _ in range(config.hops)]

    @classmethod
    def config_type(cls) -> type[SANConfig]:
        """Return the type of its settings."""
        return SANConfig

    def word_embeddings(self) -> list[Tensor]:
        """Return the question encoder's table of word vectors."""
        return [self.encoder.embedding.weight]


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
        projected = linear(self.region, regions)
        if self.published:
            return paper.W_V_PUBLISHED(projected.tanh(), self.hop)
        return paper.W_V(projected, self.hop)

    def forward(
        self,
        projected: Float[Tensor, "images regions attention_dim"],
        query: Float[Tensor, "questions question_dim"],
        image_index: Int[Tensor, " questions"],
    ) -> Float[Tensor, "questions 1 regions"]:
        """Score every region of each question's image."""
        u = linear(self.query, query)  # W_{Q,A} u + b_A
        if (
            self.published
        ):  # tanh(W_P h + b_P) with h = tanh(W_{I,A} v_I + a) ⊕ tanh(W_{Q,A} u + b_A)
            u, hidden = paper.W_U_PUBLISHED(u.tanh(), self.hop), paper.H_A_PUBLISHED
            return self._scores(projected, u, image_index, "identity", hidden).tanh()
        # W_P h_A + b_P with h_A = tanh(W_{I,A} v_I ⊕ (W_{Q,A} u + b_A))
        return self._scores(projected, paper.W_U(u, self.hop), image_index, "tanh", paper.H_A)

    def _scores(
        self, v: Tensor, u: Tensor, image_index: Tensor, activation: Activation, hidden: Symbol
    ) -> Tensor:
        symbol = partial(hidden, k=self.hop)
        return attention_scores(v, u, image_index, self.score, activation=activation, hidden=symbol)


def question_encoder(
    config: SANConfig, *, words: int
) -> LSTMEncoder | PublishedLSTMEncoder | CNNEncoder:
    """Make what reads the question, as encoder and variant say."""
    words_of: dict[str, Any] = {"words": words, "embedding_dim": config.embedding_dim}
    if config.encoder == "cnn":
        over_padding = config.variant == "published-code"
        return CNNEncoder(**words_of, filters=config.filters, over_padding=over_padding)
    if config.variant == "published-code":
        return PublishedLSTMEncoder(**words_of, question_dim=config.question_dim)
    return LSTMEncoder(
        **words_of,
        question_dim=config.question_dim,
        state="hidden",
        tanh_embedding=False,
        dropout=0.0,
        embedded=paper.EMBEDDED,
        states=paper.STATES,
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
    return [as_projected_attention(module) for module in attention]


@dataclass(frozen=True)
class SANConfig(NetworkConfig):
    """Widths of the network; the defaults are the paper's."""

    variant: Variant = "paper"
    """Equations of the paper, or of the authors' published code."""
    encoder: Literal["lstm", "cnn"] = "lstm"
    """Reader of the question."""
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
    hops: Hops = 2
    """Number of attention layers (K)."""
    dropout: Probability = 0.5
    """Probability of dropping an element of u^K, before the answer layer."""
    initial: Literal["glorot", "published-code"] = "glorot"
    """How weights begin: Glorot-uniform, or embeddings within ±0.5 and all else within ±0.01."""
    word_logits: WordLogitsChoice = "none"
    """Linear term beside the network: of words, or of pairs of words too; the paper has none."""

    @property
    def filters(self) -> tuple[int, int, int]:
        """The CNN's filters over one, two and three words."""
        return self.unigram_filters, self.bigram_filters, self.trigram_filters

    @property
    def width(self) -> int:
        """d, the width of u and of v_I."""
        return self.question_dim if self.encoder == "lstm" else sum(self.filters)
