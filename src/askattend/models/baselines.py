"""Two networks that see half of what is asked: the question alone, or the image alone.

What they score is the floor under every network that sees both: a set whose answers can be guessed
from the question's wording lets `QuestionOnly` do well. They have the classifier of SAAA.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from askattend.models import saaa_symbols as paper
from askattend.models.edited_attention import EditedAttention, refuse_edited
from askattend.models.encoders import LSTMEncoder
from askattend.models.kernels import l2_normalise, matmul_dtype, weighted_sum
from askattend.models.network import ImageEncoding, Network, NetworkConfig, Output, initialise
from askattend.models.tensors import ImageIndex, Lengths, QuestionEncoding, Regions, Tokens
from askattend.models.word_logits import (
    WordLogitsChoice,
    add_word_logits,
    make_word_logits,
    split_word_logits,
    with_word_logits,
)
from askattend.settings import Positive, Probability

ATTENTION = replace(
    paper.ALPHA,
    symbol="α_l = 1/L",
    meaning="the same weight for every region: nothing is looked for",
    dims="questions 1 regions",
    paper="questions 1 rows columns",
)
ATTENDED = replace(
    paper.X_C,
    symbol="x = Σ_l φ_l / L",
    meaning="the mean region",
    dims="questions 1 region_dim",
    paper="questions region_dim",
)
LOGITS = replace(paper.G, symbol="G_i", meaning="answers: their unnormalised log-probabilities")


@dataclass(frozen=True)
class ImageOnlyConfig(NetworkConfig):
    """Widths of the network without the question."""

    hidden_dim: Positive = 1024
    """Width of the classifier's hidden layer."""
    dropout: Probability = 0.5
    """Probability of dropping an element, before every layer."""


@dataclass(frozen=True)
class QuestionOnlyConfig(NetworkConfig):
    """Widths of the network without the image."""

    embedding_dim: Positive = 300
    """Width of a word's embedding."""
    question_dim: Positive = 1024
    """Width of the LSTM's state."""
    hidden_dim: Positive = 1024
    """Width of the classifier's hidden layer."""
    dropout: Probability = 0.5
    """Probability of dropping an element, before every layer."""
    word_logits: WordLogitsChoice = "none"
    """Linear term beside the network: of words, or of pairs of words too; the paper has none."""


class QuestionOnly(Network):
    """SAAA's question encoder and classifier; of the image, nothing reaches the answer.

    Args:
        config: widths and dropout.
        words: the size of the word vocabulary.
        answers: the size of the answer vocabulary.
        region_dim: the width of a region; only the shapes of the output follow it.
    """

    name = "question-only"
    maps_name = "glimpse"
    inputs = frozenset(("question",))
    attends = False

    def __init__(
        self,
        config: QuestionOnlyConfig | None = None,
        *,
        words: int,
        answers: int,
        region_dim: int,
    ) -> None:
        super().__init__()
        self.config = config = config or QuestionOnlyConfig()
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
        self.classifier = _classifier(config, config.question_dim, answers)
        self.word_logits = make_word_logits(config.word_logits, words=words, answers=answers)

    def encode_image(self, regions: Regions) -> ImageEncoding:
        """Take the regions as they are; nothing of them reaches the answer."""
        return ImageEncoding(paper.V(regions.to(self.encoder.embedding.weight.dtype)))

    def encode_question(self, tokens: Tokens, lengths: Lengths) -> QuestionEncoding:
        """Read questions, as SAAA does."""
        s = paper.S(self.encoder(paper.Q(tokens), lengths))
        return with_word_logits(self.word_logits, s, tokens)

    def answer(
        self,
        image: ImageEncoding,
        question: QuestionEncoding,
        image_index: ImageIndex,
        edited: EditedAttention | None = None,
    ) -> Output:
        """Answer questions by their words alone."""
        refuse_edited(edited, network=self.name)
        attention, attended = _evenly(image.regions, image_index)
        question, word_logits = split_word_logits(self.word_logits, question)
        logits = add_word_logits(self.classifier(question), word_logits, LOGITS)
        return Output(logits, attention, attention.log(), attended, question)

    @classmethod
    def config_type(cls) -> type[QuestionOnlyConfig]:
        """Return the type of its settings."""
        return QuestionOnlyConfig

    def word_embeddings(self) -> list[Tensor]:
        """Return the question encoder's table of word vectors."""
        return [self.encoder.embedding.weight]


class ImageOnly(Network):
    """The mean region, at length 1, and SAAA's classifier; no word reaches the answer.

    Args:
        config: widths and dropout.
        words: the size of the word vocabulary; nothing follows it.
        answers: the size of the answer vocabulary.
        region_dim: the width of a region.
    """

    name = "image-only"
    maps_name = "glimpse"
    inputs = frozenset(("image",))
    attends = False

    def __init__(
        self,
        config: ImageOnlyConfig | None = None,
        *,
        words: int,
        answers: int,
        region_dim: int,
    ) -> None:
        super().__init__()
        self.config = config = config or ImageOnlyConfig()
        self.classifier = _classifier(config, region_dim, answers)

    def encode_image(self, regions: Regions) -> ImageEncoding:
        """Bring every region to length 1, as SAAA does."""
        dtype = matmul_dtype(self.classifier[1].weight)  # type: ignore[arg-type]
        return ImageEncoding(l2_normalise(paper.V(regions), dtype))

    def encode_question(self, tokens: Tokens, lengths: Lengths) -> QuestionEncoding:
        """Read nothing."""
        return torch.zeros(tokens.shape[0], 0, device=tokens.device)

    def answer(
        self,
        image: ImageEncoding,
        question: QuestionEncoding,
        image_index: ImageIndex,
        edited: EditedAttention | None = None,
    ) -> Output:
        """Answer as the image suggests, whatever is asked."""
        refuse_edited(edited, network=self.name)
        attention, attended = _evenly(image.regions, image_index)
        logits = LOGITS(self.classifier(attended.squeeze(1)))
        return Output(logits, attention, attention.log(), attended, question)

    @classmethod
    def config_type(cls) -> type[ImageOnlyConfig]:
        """Return the type of its settings."""
        return ImageOnlyConfig


def _evenly(regions: Tensor, image_index: Tensor) -> tuple[Tensor, Tensor]:
    """Make the uniform map of each question, and the mean region of its image."""
    count = regions.shape[1]
    precise = torch.promote_types(regions.dtype, torch.float32)
    # Not `len`, which would fix the number of questions in a graph for ONNX.
    even = regions.new_ones((image_index.shape[0], 1, count), dtype=precise)
    attention = ATTENTION(even / count)
    return attention, ATTENDED(weighted_sum(attention, regions, image_index))


def _classifier(
    config: QuestionOnlyConfig | ImageOnlyConfig, width: int, answers: int
) -> nn.Sequential:
    classifier = nn.Sequential(
        nn.Dropout(config.dropout),
        nn.Linear(width, config.hidden_dim),
        nn.ReLU(),
        nn.Dropout(config.dropout),
        nn.Linear(config.hidden_dim, answers),
    )
    initialise(classifier)
    return classifier
