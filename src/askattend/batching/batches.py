"""Questions as batches of tensors, each distinct image in a batch once."""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass, fields

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from askattend.batching.encoded_questions import EncodedQuestions, IntArray
from askattend.batching.flips import Flips
from askattend.data.questions import QASet
from askattend.data.vocab import AnswerVocab, WordVocab
from askattend.devices import to_device
from askattend.errors import DataError
from askattend.features.source import FeatureSource

# Questions of an image that a shuffled batch keeps together. Batches of fewer images teach less:
# with all of DAQUAR's 8.6 questions an image together, SAN ends four points below uniform batches.
QUESTIONS_PER_IMAGE = 4


@dataclass(frozen=True)
class Batch:
    """Some questions and the images that they are about.

    Attributes:
        regions: each distinct image once, in the store's floating type.
        image_index: the row of `regions` that each question is about.
        tokens: word indices, padded with `PADDING`.
        lengths: the number of words of each question, at least 1.
        answer_index: the distinct reference answers in the vocabulary; padded with 0.
        answer_weight: the share of a question's annotators who gave each; 0 where padded.
        answer_score: what giving that answer scores, 0 to 1; 0 where padded.
        question_index: the position of each question in its `QASet`.
    """

    regions: Float[Tensor, "images regions region_dim"]
    image_index: Int[Tensor, " questions"]
    tokens: Int[Tensor, "questions words"]
    lengths: Int[Tensor, " questions"]
    answer_index: Int[Tensor, "questions references"]
    answer_weight: Float[Tensor, "questions references"]
    answer_score: Float[Tensor, "questions references"]
    question_index: Int[Tensor, " questions"]

    @classmethod
    def of(
        cls,
        regions: Float[Tensor, "images regions region_dim"],
        tokens: Int[Tensor, "questions words"],
        lengths: Int[Tensor, " questions"],
        labels: Int[Tensor, " questions"],
        *,
        image_index: Int[Tensor, " questions"] | None = None,
    ) -> Batch:
        """Make a batch from tensors alone, with one right answer a question.

        Args:
            regions: each distinct image once.
            tokens: word indices, padded with `PADDING`.
            lengths: the number of words of each question.
            labels: the index of each question's answer.
            image_index: the row of `regions` that each question is about; by default, its own row.
        """
        question_index = torch.arange(len(tokens), device=tokens.device)
        ones = torch.ones(len(tokens), 1, device=tokens.device)
        return cls(
            regions=regions,
            image_index=question_index if image_index is None else image_index,
            tokens=tokens,
            lengths=lengths,
            answer_index=labels[:, None],
            answer_weight=ones,
            answer_score=ones,
            question_index=question_index,
        )

    def __len__(self) -> int:
        return len(self.tokens)

    def to(self, device: torch.device) -> Batch:
        """Copy the batch to another device."""
        tensors = {field.name: getattr(self, field.name) for field in fields(self)}
        return Batch(**{name: to_device(tensor, device) for name, tensor in tensors.items()})


class Batches:
    """The questions of a set, batch by batch.

    Args:
        questions: at least one.
        source: the features of their images.
        words: the word vocabulary.
        answers: the answer vocabulary.
        batch_size: questions a batch.
        sampling: how a shuffled epoch draws them. ``"by-image"`` keeps up to `QUESTIONS_PER_IMAGE`
            questions of an image together, so that a batch needs few images and shares their
            projection; ``"uniform"`` is the usual shuffle. The order of questions is new each epoch
            in both.
        encoded: the questions as arrays, where they are at hand.
        flips: mirror images that a shuffled epoch draws instead of images.
    """

    def __init__(
        self,
        questions: QASet,
        source: FeatureSource,
        words: WordVocab,
        answers: AnswerVocab,
        *,
        batch_size: int,
        sampling: str = "by-image",
        encoded: EncodedQuestions | None = None,
        flips: Flips | None = None,
    ) -> None:
        self.questions, self.batch_size, self.sampling = questions, batch_size, sampling
        self.source, self._flips = source, flips
        self._encoded = encoded or EncodedQuestions.encode(questions, words, answers)
        # A question none of whose answers the model can give teaches nothing: its loss is 0.
        self._teaching = np.flatnonzero(self._encoded.answer_weight.sum(axis=1) > 0)

    @property
    def images(self) -> tuple[str, ...]:
        """The images that questions are about, in the set's order; then their mirror images."""
        own = tuple(self._encoded.images[row] for row in np.unique(self._encoded.image))
        return own if self._flips is None else (*own, *self._flips.images)

    def with_features(self, source: FeatureSource) -> Batches:
        """Return the same batches with features from elsewhere."""
        other = copy(self)
        other.source = source
        return other

    def steps(self, *, at_least: int = 0) -> int:
        """Count the batches of a shuffled epoch."""
        return max(-(-len(self._teaching) // self.batch_size), at_least)

    def ceiling(self) -> float:
        """Return the accuracy of always choosing the best answer in the vocabulary, 0 to 1."""
        answered = [bool(question.answers) for question in self.questions]
        return float(self._encoded.answer_score.max(axis=1)[answered].mean())

    def in_order(self) -> Iterator[Batch]:
        """Yield every question once, an image's questions together; for evaluation."""
        order = np.argsort(self._encoded.image, kind="stable")
        return self._cut(order)

    def shuffled(self, seed: int, *, at_least: int = 0) -> Iterator[Batch]:
        """Yield every question that can be learnt from once, in a new order.

        Args:
            seed: the order depends on nothing else.
            at_least: a set of fewer batches is gone through again, in a new order each time, until
                this many have been given.

        Raises:
            DataError: no question can be learnt from.
        """
        if not len(self._teaching):
            raise DataError(
                "no question has an answer that is in the vocabulary",
                where=self.questions.source,
                remedy="Train on questions with answers, or raise --vocab.answers.",
            )
        rng = np.random.default_rng(seed)
        # Of its own, so that the order does not depend on whether images are flipped.
        flip_rng = np.random.default_rng((seed, 1))
        left = self.steps(at_least=at_least)
        while left:
            for batch in self._cut(self._shuffle(rng), flip_rng):
                yield batch
                left -= 1
                if not left:
                    return

    def _shuffle(self, rng: np.random.Generator) -> IntArray:
        order = rng.permutation(self._teaching)
        if self.sampling == "by-image":
            group = self._groups(order)
            group_rank = rng.permutation(len(order))
            order = order[np.argsort(group_rank[group], kind="stable")]
        return order

    def _groups(self, order: IntArray) -> IntArray:
        """Number the groups of a shuffled order: up to `QUESTIONS_PER_IMAGE` of an image each."""
        image = self._encoded.image[order]
        counts = np.bincount(image)
        by_image = np.argsort(image, kind="stable")
        rank = np.empty_like(order)  # among the questions of its image
        rank[by_image] = np.arange(len(order)) - (counts.cumsum() - counts)[image[by_image]]
        key = image * len(order) + rank // QUESTIONS_PER_IMAGE
        groups: IntArray = np.unique(key, return_inverse=True)[1]
        return groups

    def _cut(self, order: IntArray, flip_rng: np.random.Generator | None = None) -> Iterator[Batch]:
        for start in range(0, len(order), self.batch_size):
            yield self._batch(order[start : start + self.batch_size], flip_rng)

    def _batch(
        self, question_index: IntArray, flip_rng: np.random.Generator | None = None
    ) -> Batch:
        encoded, rows = self._encoded, question_index
        if self._flips is not None and flip_rng is not None:
            encoded, rows = self._flips.encoded, self._flips.draw(question_index, flip_rng)
        images, image_index = np.unique(encoded.image[rows], return_inverse=True)
        lengths = encoded.lengths[rows]
        return Batch(
            regions=self.source.read([encoded.images[image] for image in images]),
            image_index=torch.from_numpy(image_index),
            tokens=torch.from_numpy(encoded.tokens[rows, : lengths.max()]),
            lengths=torch.from_numpy(lengths),
            answer_index=torch.from_numpy(encoded.answer_index[rows]),
            answer_weight=torch.from_numpy(encoded.answer_weight[rows]),
            answer_score=torch.from_numpy(encoded.answer_score[rows]),
            question_index=torch.from_numpy(question_index),
        )
