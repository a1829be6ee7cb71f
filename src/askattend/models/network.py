"""The contract of a network: images and questions encoded apart, then answered together."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from askattend.errors import ConfigError
from askattend.models.edited_attention import EditedAttention
from askattend.models.tensors import ImageIndex, Lengths, QuestionEncoding, Regions, Tokens
from askattend.models.word_logits import WordLogits
from askattend.settings import check

Input = Literal["image", "question"]
# Its exponential is 0 beside any other's; an image that shows nothing has even attention still.
LEAST_SCORE = -1e4


@dataclass(frozen=True)
class NetworkConfig:
    """Settings of a network: each kind has its own, and their defaults are its paper's."""

    def __post_init__(self) -> None:
        check(self)


class ImageEncoding(NamedTuple):
    """All that is computed once an image, however many questions follow.

    Attributes:
        regions: the vectors that attention weighs and sums: v̂ (SAAA), v_I (SAN).
        projected: what else the network needs of them: the image's part of a hidden layer, say.
        blank: True for regions that show nothing of the image; None where all show something.
        unlike: True for images unlike those of training, as who encoded them found; no network
            looks at it. None where it is not known.
    """

    regions: Float[Tensor, "images regions dim"]
    projected: tuple[Float[Tensor, "images regions _"], ...] = ()
    blank: Bool[Tensor, "images regions"] | None = None
    unlike: Bool[Tensor, " images"] | None = None

    def hide_blank(
        self, scores: Float[Tensor, "questions maps regions"], image_index: ImageIndex
    ) -> Float[Tensor, "questions maps regions"]:
        """Give the regions that show nothing of their image a score that leaves no attention."""
        if self.blank is None:
            return scores
        return scores.masked_fill(self.blank[image_index][:, None], LEAST_SCORE)


@dataclass(frozen=True)
class Output:
    """The result of a forward pass, intermediates included.

    "maps" are SAAA's glimpses or SAN's hops.

    Attributes:
        logits: unnormalised log-probabilities of the answers; softmax is the loss's work.
        attention: α_{c,l} (SAAA) or p_I^k (SAN); each map sums to 1 over the regions.
        scores: the numbers that the attention is the softmax of, unless it was edited.
        attended: x_c (SAAA) or ṽ_I^k (SAN), the attention-weighted sum of the regions.
        question: s (SAAA) or v_Q = u⁰ (SAN), the question's encoding.
    """

    logits: Float[Tensor, "questions answers"]
    attention: Float[Tensor, "questions maps regions"]
    scores: Float[Tensor, "questions maps regions"]
    attended: Float[Tensor, "questions maps dim"]
    question: QuestionEncoding


class Network(nn.Module, ABC):
    """A network in three parts, of which the first two do not need each other.

    Its constructor takes its settings and three sizes: ``Network(config, words=…, answers=…,
    region_dim=…)``. A network is found by `name`: see `askattend.models.networks`.

    Attributes:
        name: the word for it on the command line and in a run's settings.
        maps_name: what its paper calls one attention map: ``"glimpse"``, ``"hop"``.
        inputs: what reaches its answers.
        attends: False for a network whose maps are the same everywhere.
        hides_blank: True where regions that are all zeros, as those beside a padded picture are,
            get no attention.
    """

    name: ClassVar[str]
    maps_name: ClassVar[str]
    inputs: ClassVar[frozenset[Input]] = frozenset(("image", "question"))
    attends: ClassVar[bool] = True
    hides_blank: bool = False

    @classmethod
    def own_attention(
        cls, config: Any, *, region_dim: int, make: Callable[[Mapping[str, Any]], nn.Module]
    ) -> Any:
        """Make what the constructor takes as `attention`, if the network takes one.

        Args:
            config: its settings.
            region_dim: the width of a region's feature.
            make: makes a module that fits sizes, given by the names of its arguments.

        Raises:
            ConfigError: its attention, if it has any, cannot be replaced.
        """
        remedy = "Train saaa or san, or leave it out."
        raise ConfigError(f"{cls.name} takes no other", where="attention", remedy=remedy)

    @classmethod
    @abstractmethod
    def config_type(cls) -> type[NetworkConfig]:
        """Return the type of its settings."""

    @abstractmethod
    def encode_image(self, regions: Regions) -> ImageEncoding:
        """Compute what needs no question, once an image."""

    @abstractmethod
    def encode_question(self, tokens: Tokens, lengths: Lengths) -> QuestionEncoding:
        """Compute what needs no image.

        Raises:
            DataError: a length or a word is out of range.
        """

    @abstractmethod
    def answer(
        self,
        image: ImageEncoding,
        question: QuestionEncoding,
        image_index: ImageIndex,
        edited: EditedAttention | None = None,
    ) -> Output:
        """Answer questions already encoded about images already encoded.

        Args:
            image: what `encode_image` gave.
            question: what `encode_question` gave.
            image_index: the row of the images that each question is about.
            edited: maps to pool with in the place of the network's own; see
                `askattend.models.edited_attention.edit`.

        Raises:
            DataError: the edited maps do not fit, or the network does not attend.
        """

    def forward(
        self,
        regions: Regions,
        tokens: Tokens,
        lengths: Lengths,
        image_index: ImageIndex | None = None,
    ) -> Output:
        """Encode images and questions, and answer.

        Args:
            regions: φ (SAAA), f_I (SAN): images × regions × region_dim, of any floating type.
            tokens: word indices, padded with 0: questions × words.
            lengths: the number of real words of each question.
            image_index: the row of `regions` each question is about; by default, its own row.
        """
        if image_index is None:
            image_index = torch.arange(len(tokens), device=tokens.device)
        image = self.encode_image(regions)
        return self.answer(image, self.encode_question(tokens, lengths), image_index)

    def blank(self, regions: Regions) -> Bool[Tensor, "images regions"] | None:
        """Mark the regions to hide, if the network hides any."""
        return ~regions.any(dim=-1) if self.hides_blank else None

    def word_embeddings(self) -> list[Tensor]:
        """Return the tables of word vectors, which may learn at a rate of their own.

        By default every embedding. A network that takes modules of somebody's own, which may hold
        embeddings of another kind, says which are the words'.
        """
        return [layer.weight for layer in self.modules() if isinstance(layer, nn.Embedding)]

    def linear_terms(self) -> list[Tensor]:
        """Return the tables of a bag of words beside the network, if its settings ask for one."""
        return [layer.weight for layer in self.modules() if isinstance(layer, WordLogits)]

    @property
    def casts_regions_to(self) -> torch.dtype | None:
        """The type that regions are cast to before anything else is done with them, if any."""
        return None

    @property
    def depends_on_padding(self) -> bool:
        """True where an answer depends on the longest question of its batch."""
        return False

    @property
    def sees(self) -> str:
        """Its inputs in words: ``"image and question"``, ``"the image alone"``."""
        first, *others = sorted(self.inputs)
        return " and ".join((first, *others)) if others else f"the {first} alone"


def initialise(module: nn.Module) -> None:
    """Give every linear layer below `module` Glorot-uniform weights and zero biases."""
    for layer in module.modules():
        if isinstance(layer, nn.Linear):
            nn.init.xavier_uniform_(layer.weight)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
