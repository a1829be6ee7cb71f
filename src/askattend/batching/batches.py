"""Questions as batches of tensors, each distinct image in a batch once."""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from askattend.batching.division import Division, Part
from askattend.batching.encoded_questions import EncodedQuestions, IntArray
from askattend.batching.flips import Flips
from askattend.data.questions import QASet
from askattend.data.vocab import AnswerVocab, WordVocab
from askattend.devices import all_to_device, to_device
from askattend.errors import DataError
from askattend.features.source import FeatureSource, FeatureTable
from askattend.models.kernels import gather

_NO_ROWS: IntArray = np.empty(0, dtype=np.int64)
# Questions of an image that a shuffled batch keeps together. Batches of fewer images teach less:
# with all of DAQUAR's 8.6 questions an image together, SAN ends four points below uniform batches.
QUESTIONS_PER_IMAGE = 4


@dataclass(frozen=True)
class Batch:
    """Some questions and the images that they are about.

    Attributes:
        regions: each distinct image once, in the store's floating type; with `rows`, all images of
            a table, which is on a GPU already.
        image_index: the row of `regions` that each question is about.
        tokens: word indices, padded with `PADDING`.
        lengths: the number of words of each question, at least 1.
        answer_index: the distinct reference answers in the vocabulary; padded with 0.
        answer_weight: the share of a question's annotators who gave each; 0 where padded.
        answer_score: what giving that answer scores, 0 to 1; 0 where padded.
        question_index: the position of each question in its `QASet`.
        word_counts: how many questions have a first word, a second, …, as far as the processor
            knows; set on the way to a GPU, which would have to be waited for.
        rows: of the table `regions` that are the batch's images; see `gathered`.
        part: which part of a step it is, where steps are divided.
    """

    regions: Float[Tensor, "images regions region_dim"]
    image_index: Int[Tensor, " questions"]
    tokens: Int[Tensor, "questions words"]
    lengths: Int[Tensor, " questions"]
    answer_index: Int[Tensor, "questions references"]
    answer_weight: Float[Tensor, "questions references"]
    answer_score: Float[Tensor, "questions references"]
    question_index: Int[Tensor, " questions"]
    word_counts: tuple[int, ...] = ()
    rows: Int[Tensor, " distinct"] | None = None
    part: Part | None = None

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

    @property
    def images(self) -> int:
        """The number of distinct images."""
        return len(self.regions if self.rows is None else self.rows)

    def gathered(
        self, dtype: torch.dtype | None = None
    ) -> Float[Tensor, "distinct regions region_dim"]:
        """Return each distinct image's regions once, from the table if there is one.

        Args:
            dtype: see `askattend.models.kernels.gather`.
        """
        return self.regions if self.rows is None else gather(self.regions, self.rows, dtype)

    def tensors(self) -> dict[str, Tensor]:
        """Return all tensors by name; `rows` only if there are any."""
        parts = {f.name: getattr(self, f.name) for f in fields(self)}
        return {name: part for name, part in parts.items() if isinstance(part, Tensor)}

    def to(self, device: torch.device) -> Batch:
        """Copy the batch to another device."""
        if device.type != "cuda" or self.lengths.is_cuda:
            moved = {name: to_device(tensor, device) for name, tensor in self.tensors().items()}
            return Batch(**moved, word_counts=self.word_counts, part=self.part)
        return Batch(
            **all_to_device(self.tensors(), device),
            word_counts=word_counts(self.lengths.numpy()),
            part=self.part,
        )


def word_counts(lengths: IntArray) -> tuple[int, ...]:
    """Count the questions that have a first word, a second, and so on; the counts fall."""
    counts = np.bincount(lengths)[::-1].cumsum()[::-1][1:]
    return tuple(counts.tolist())


def _stable_order(numbers: IntArray) -> IntArray:
    """Sort as ``argsort(kind="stable")``, half by half: NumPy counts numbers of 16 bits.

    Below 2³². Of VQA v2's questions by image it takes a tenth of the time.
    """
    order = np.argsort(numbers.astype(np.uint16), kind="stable")
    return order[np.argsort((numbers >> 16).astype(np.uint16)[order], kind="stable")]


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
        self.source, self._rows, self._flips = source, _NO_ROWS, flips
        self._division = Division()
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
        other.source, other._rows = source, _NO_ROWS
        return other

    def divided(self, division: Division) -> Batches:
        """Return the same batches, of which shuffled ones are given as a process's parts alone."""
        other = copy(self)
        other._division = division
        return other

    def steps(self, *, at_least: int = 0) -> int:
        """Count the batches of a shuffled epoch."""
        return max(-(-len(self._teaching) // self.batch_size), at_least)

    def ceiling(self) -> float:
        """Return the accuracy of always choosing the best answer in the vocabulary, 0 to 1."""
        answered = [bool(question.answers) for question in self.questions]
        return float(self._encoded.answer_score.max(axis=1)[answered].mean())

    def in_order(self, *, rank: int = 0, of: int = 1, together: int = 1) -> Iterator[Batch]:
        """Yield every question once, an image's questions together; for evaluation.

        Args:
            rank: the process whose batches are wanted.
            of: so many processes, which take turns; the batches are those of one.
            together: batches that one of them takes at a time.
        """
        for number, asked in enumerate(self._parts(_stable_order(self._encoded.image))):
            if number // together % of == rank:
                yield self._batch(asked)

    def shuffled(self, seed: int, *, at_least: int = 0, start: int = 0) -> Iterator[Batch]:
        """Yield every question that can be learnt from once, in a new order.

        Where batches are divided, each is yielded as one part or more.

        Args:
            seed: the order depends on nothing else.
            at_least: a set of fewer batches is gone through again, in a new order each time, until
                this many have been given.
            start: so many batches are passed over, as if they had been given; they cost nothing.

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
        steps, done = self.steps(at_least=at_least), 0
        while done < steps:
            for asked in self._parts(self._shuffle(rng)):
                # Of the whole batch, so that the same images flip however it is divided.
                rows = asked if self._flips is None else self._flips.draw(asked, flip_rng)
                if done >= start:
                    yield from self._step(asked, rows, (seed, done))
                done += 1
                if done == steps:
                    return

    def _shuffle(self, rng: np.random.Generator) -> IntArray:
        order = rng.permutation(self._teaching)
        if self.sampling == "by-image":
            group = self._groups(order)
            group_rank = rng.permutation(len(order))
            order = order[_stable_order(group_rank[group])]
        return order

    def _groups(self, order: IntArray) -> IntArray:
        """Number the groups of a shuffled order: up to `QUESTIONS_PER_IMAGE` of an image each."""
        image = self._encoded.image[order]
        counts = np.bincount(image)
        by_image = _stable_order(image)
        rank = np.empty_like(order)  # among the questions of its image
        rank[by_image] = np.arange(len(order)) - (counts.cumsum() - counts)[image[by_image]]
        key = (image * len(order) + rank // QUESTIONS_PER_IMAGE)[by_image]  # rising
        groups = np.empty_like(order)
        groups[by_image] = np.concatenate([[0], key[1:] != key[:-1]]).cumsum()
        return groups

    def _parts(self, order: IntArray) -> Iterator[IntArray]:
        for start in range(0, len(order), self.batch_size):
            yield order[start : start + self.batch_size]

    def _step(
        self, question_index: IntArray, rows: IntArray, seed: tuple[int, int]
    ) -> Iterator[Batch]:
        """Yield the batch of a step, or the parts of it that are this process's."""
        encoded = self._encoded if self._flips is None else self._flips.encoded
        if self._division.whole:
            yield self._batch(question_index, rows, encoded)
            return
        # As long as the whole batch's: some networks' answers depend on the padding.
        words = int(encoded.lengths[rows].max())
        for some, part in self._division.parts_of(encoded.image[rows], seed=seed):
            batch = self._batch(question_index[some], rows[some], encoded, words)
            yield replace(batch, part=part)

    def _batch(
        self,
        question_index: IntArray,
        rows: IntArray | None = None,
        encoded: EncodedQuestions | None = None,
        words: int = 0,
    ) -> Batch:
        """Make a batch of some questions, at other rows where they may be about mirror images.

        It has room for so many words at least.
        """
        encoded = self._encoded if encoded is None else encoded
        asked = question_index if rows is None else rows
        images, image_index = np.unique(encoded.image[asked], return_inverse=True)
        lengths = encoded.lengths[asked]

        def rows_of(array: Any) -> Tensor:  # `take` is several times as quick as an index
            return torch.from_numpy(array.take(asked, axis=0))

        regions, of_table = self._features(encoded, images)
        return Batch(
            regions=regions,
            rows=of_table,
            image_index=torch.from_numpy(image_index),
            tokens=rows_of(encoded.tokens)[:, : max(lengths.max(), words)].contiguous(),
            lengths=torch.from_numpy(lengths),
            answer_index=rows_of(encoded.answer_index),
            answer_weight=rows_of(encoded.answer_weight),
            answer_score=rows_of(encoded.answer_score),
            question_index=torch.from_numpy(question_index),
        )

    def _features(
        self, encoded: EncodedQuestions, images: IntArray
    ) -> tuple[Tensor, Tensor | None]:
        """Return the features of some images; or a table, and their rows."""
        if isinstance(self.source, FeatureTable) and self.source.table is not None:
            if not len(self._rows):
                self._rows = self._rows_of_all(self.source)
            return self.source.table, torch.from_numpy(self._rows.take(images))
        return self.source.read([encoded.images[image] for image in images]), None

    def _rows_of_all(self, source: FeatureTable) -> IntArray:
        """Look up the table's row of each image once; of those that nobody asks about, none."""
        encoded = self._encoded if self._flips is None else self._flips.encoded
        there = {image: row for row, image in enumerate(encoded.images)}
        rows = np.zeros(len(there), dtype=np.int64)
        rows[[there[image] for image in self.images]] = source.rows_of(self.images).numpy()
        return rows
