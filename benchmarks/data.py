"""Random data shaped like VQA v2: the same numbers every time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from askattend.batching.batches import Batch, Batches
from askattend.data.questions import QASet, Question
from askattend.data.vocab import AnswerVocab, WordVocab

SHORTEST, LONGEST = 4, 23
ANNOTATORS = 10


@dataclass(frozen=True)
class Shape:
    """Sizes of a batch and of its vocabularies.

    Attributes:
        questions: a batch.
        images: that they are about; none is without a question.
        side: rows, and columns, of the grid of regions.
        region_dim: numbers a region.
        words: the size of the vocabulary, padding and unknown word included.
        answers: the size of the vocabulary.
        length: words a question; left out, they vary as VQA's do.
        seed: everything follows from it.
    """

    questions: int = 128
    images: int = 24
    side: int = 14
    region_dim: int = 2048
    words: int = 12_345
    answers: int = 3_000
    length: int | None = None
    seed: int = 0


QUICK = Shape(questions=16, images=4, side=4, region_dim=32, words=60, answers=20)


class InMemory:
    """Features of some images, in memory.

    Args:
        regions: float16.
        ids: whose, row by row.
    """

    def __init__(self, regions: Float[Tensor, "images regions dim"], ids: Sequence[str]) -> None:
        self._regions, self._row = regions, {image: row for row, image in enumerate(ids)}

    def read(self, image_ids: Sequence[str]) -> Float[Tensor, "images regions dim"]:
        """Gather the features of some images."""
        return self._regions[[self._row[image] for image in image_ids]]


def batch(shape: Shape) -> Batch:
    """Make one batch, as `Batches` cuts it."""
    ids = image_ids(shape)
    questions = question_set(shape)
    source = InMemory(random_regions(shape), ids)
    made = Batches(
        questions, source, words(shape), answers(shape), batch_size=shape.questions
    ).in_order()
    return next(made)


def image_ids(shape: Shape) -> list[str]:
    """Name the images of a batch."""
    return [f"image {i}" for i in range(shape.images)]


def question_set(shape: Shape) -> QASet:
    """Make questions about all images of a batch."""
    ids, rng = image_ids(shape), np.random.default_rng(shape.seed)
    return QASet("random", _questions(shape, ids, rng), {image: Path(image) for image in ids})


def random_regions(shape: Shape) -> Float[Tensor, "images regions dim"]:
    """Draw noise and apply a ReLU to it, in float16."""
    generator = torch.Generator().manual_seed(shape.seed)
    size = (shape.images, shape.side**2, shape.region_dim)
    return torch.randn(size, generator=generator).clamp_(min=0).half()


def words(shape: Shape) -> WordVocab:
    """Make up words, the most common first."""
    return WordVocab(("<pad>", "<unk>", *(f"word{i}" for i in range(shape.words - 2))))


def answers(shape: Shape) -> AnswerVocab:
    """Make up answers, the most common first."""
    return AnswerVocab(tuple(f"answer{i}" for i in range(shape.answers)))


def question_text(shape: Shape, length: int, rng: np.random.Generator) -> str:
    """Draw words as in a language: the k-th most common about 1/k as often as the first."""
    return " ".join(f"word{i}" for i in _zipf(shape.words - 2, length, rng))


def _questions(shape: Shape, ids: Sequence[str], rng: np.random.Generator) -> tuple[Question, ...]:
    lengths = _lengths(shape, rng)
    return tuple(
        Question(
            id=number,
            image=image,
            text=question_text(shape, int(length), rng),
            answers=_annotated(shape, rng),
            split="train",
        )
        for number, (image, length) in enumerate(
            zip(images_asked(shape, ids, rng), lengths, strict=True)
        )
    )


def images_asked(shape: Shape, ids: Sequence[str], rng: np.random.Generator) -> list[str]:
    """Draw each question's image: as in VQA, some have more questions than others, none none."""
    least = min(3, shape.questions // shape.images)
    further = rng.integers(len(ids), size=shape.questions - least * len(ids))
    return [*ids] * least + [ids[i] for i in further]


def _lengths(shape: Shape, rng: np.random.Generator) -> Any:
    """Draw lengths of 4 to 23 words, 6.3 on average and skewed, as VQA's."""
    if shape.length is not None:
        return np.full(shape.questions, shape.length)
    lengths = SHORTEST + rng.negative_binomial(2, 0.46, size=shape.questions)
    return lengths.clip(max=LONGEST)


def _annotated(shape: Shape, rng: np.random.Generator) -> tuple[tuple[str, int], ...]:
    """Draw ten annotators' answers: some 7 in 10 agree; others may lie outside the vocabulary."""
    usual = int(_zipf(shape.answers, 1, rng)[0])
    others = _zipf(2 * shape.answers, ANNOTATORS, rng)
    given = np.where(rng.random(ANNOTATORS) < 0.7, usual, others)
    chosen, counts = np.unique(given, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    return tuple((f"answer{chosen[i]}", int(counts[i])) for i in order)


def _zipf(size: int, count: int, rng: np.random.Generator) -> Any:
    """Draw ranks below `size`, falling in frequency as 1/rank (log-uniform)."""
    return (np.exp(rng.random(count) * np.log(size + 1)) - 1).astype(np.int64).clip(0, size - 1)
