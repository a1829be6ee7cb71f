"""Two networks that see half of what is asked: the question alone, or the image alone.

What they score is the floor under every network that sees both: a set whose answers can be guessed
from the question's wording lets `QuestionOnly` do well. They have the classifier of SAAA.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from askattend.models.attention import weighted_sum
from askattend.models.encoders import LSTMQuestion
from askattend.models.initialisation import initialise
from askattend.models.network import Network
from askattend.models.output import Output
from askattend.models.symbols import Symbol
from askattend.settings import Positive, Probability, check

REGIONS = Symbol(
    "regions",
    "φ",
    "2",
    "image features, a vector for each region",
    "images regions region_dim",
    "images region_dim rows columns",
)
TOKENS = Symbol("tokens", "q", "§3.2", "the question's words, as numbers", "questions words")
QUESTION = Symbol(
    "question",
    "s = LSTM(E_q)",
    "3",
    "question state: the LSTM's last cell state",
    "questions question_dim",
)
ATTENTION = Symbol(
    "attention",
    "α_l = 1/L",
    "4",
    "the same weight for every region: nothing is looked for",
    "questions 1 regions",
    "questions 1 rows columns",
)
ATTENDED = Symbol(
    "attended",
    "x = Σ_l φ_l / L",
    "5",
    "the mean region",
    "questions 1 region_dim",
    "questions region_dim",
)
LOGITS = Symbol(
    "logits",
    "G_i",
    "6",
    "answers: their unnormalised log-probabilities",
    "questions answers",
)


@dataclass(frozen=True)
class QuestionOnlyConfig:
    """Widths of the network without the image."""

    embedding_dim: Positive = 300
    """Width of a word's embedding."""
    question_dim: Positive = 1024
    """Width of the LSTM's state."""
    hidden_dim: Positive = 1024
    """Width of the classifier's hidden layer."""
    dropout: Probability = 0.5
    """Probability of dropping an element, before every layer."""

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True)
class ImageOnlyConfig:
    """Widths of the network without the question."""

    hidden_dim: Positive = 1024
    """Width of the classifier's hidden layer."""
    dropout: Probability = 0.5
    """Probability of dropping an element, before every layer."""

    def __post_init__(self) -> None:
        check(self)


class Look(NamedTuple):
    """The regions as they are; nothing is computed before the question."""

    regions: Float[Tensor, "images regions region_dim"]


class QuestionOnly(Network):
    """SAAA's question encoder and classifier; of the image, nothing reaches the answer.

    Args:
        config: widths and dropout.
        words: the size of the word vocabulary.
        answers: the size of the answer vocabulary.
        region_dim: the width of a region; only the shapes of the output follow it.
    """

    maps_name = "glimpse"
    sees = "the question alone"
    inputs = frozenset({"question"})
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
        self.encoder = LSTMQuestion(
            words=words,
            embedding_dim=config.embedding_dim,
            question_dim=config.question_dim,
            state="cell",
            squash=True,
            dropout=config.dropout,
        )
        self.classifier = _classifier(config, config.question_dim, answers)

    def look(self, regions: Float[Tensor, "images regions region_dim"]) -> Look:
        """Nothing: the image is not looked at."""
        return Look(REGIONS(regions.to(self.encoder.embedding.weight.dtype)))

    def encode(
        self, tokens: Int[Tensor, "questions words"], lengths: Int[Tensor, " questions"]
    ) -> Float[Tensor, "questions question_dim"]:
        """Read questions."""
        return QUESTION(self.encoder(TOKENS(tokens), lengths))

    def attend(
        self,
        look: Look,
        question: Float[Tensor, "questions question_dim"],
        image_index: Int[Tensor, " questions"],
    ) -> Output:
        """Answer questions by their words alone."""
        attention, attended = _evenly(look.regions, image_index)
        logits = LOGITS(self.classifier(question))
        return Output(logits, attention, attention.log(), attended, question)


class ImageOnly(Network):
    """The mean region, at length 1, and SAAA's classifier; no word reaches the answer.

    Args:
        config: widths and dropout.
        words: the size of the word vocabulary; nothing follows it.
        answers: the size of the answer vocabulary.
        region_dim: the width of a region.
    """

    maps_name = "glimpse"
    sees = "the image alone"
    inputs = frozenset({"image"})
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

    def look(self, regions: Float[Tensor, "images regions region_dim"]) -> Look:
        """Bring every region to length 1, as SAAA does."""
        regions = REGIONS(regions.to(self.classifier[1].weight.dtype))  # type: ignore[arg-type]
        return Look(regions / (regions.norm(dim=-1, keepdim=True) + 1e-8))

    def encode(
        self, tokens: Int[Tensor, "questions words"], lengths: Int[Tensor, " questions"]
    ) -> Float[Tensor, "questions 0"]:
        """Nothing: the questions are not read."""
        return torch.zeros(len(tokens), 0, device=tokens.device)

    def attend(
        self,
        look: Look,
        question: Float[Tensor, "questions 0"],
        image_index: Int[Tensor, " questions"],
    ) -> Output:
        """Answer as the image suggests, whatever is asked."""
        attention, attended = _evenly(look.regions, image_index)
        logits = LOGITS(self.classifier(attended.squeeze(1)))
        return Output(logits, attention, attention.log(), attended, question)


def _evenly(regions: Tensor, image_index: Tensor) -> tuple[Tensor, Tensor]:
    """The uniform map of each question, and the mean region of its image."""
    count = regions.shape[1]
    precise = torch.promote_types(regions.dtype, torch.float32)
    even = regions.new_full((len(image_index), 1, count), 1 / count, dtype=precise)
    attention = ATTENTION(even)
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
