"""Batches: every question once, each image once a batch."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby, pairwise
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from askattend.batching.batches import TOGETHER, Batches
from askattend.data.questions import QASet, Question
from askattend.data.vocab import AnswerVocab, WordVocab
from askattend.errors import DataError
from askattend.metrics.accuracy import accuracy_of


class Numbered:
    """Features that tell which image they belong to."""

    def read(self, image_ids: Sequence[str]) -> Tensor:
        return torch.tensor([[[float(image)]] for image in image_ids])


def qaset(images: Sequence[int]) -> QASet:
    answers = [(("yes", 7), ("no", 2), ("maybe", 1)), (("no", 1),), (("never", 3),)]
    questions = tuple(
        Question(i, str(image), "what " * (1 + i % 3), answers[i % 3], "train")
        for i, image in enumerate(images)
    )
    return QASet("made", questions, {str(image): Path(str(image)) for image in images})


def batches(images: Sequence[int], **options: object) -> Batches:
    words, answers = WordVocab.build(["what"]), AnswerVocab(("yes", "no"))
    settings = {"batch_size": 3, **options}
    return Batches(qaset(images), Numbered(), words, answers, **settings)  # type: ignore[arg-type]


some_images = st.lists(st.integers(0, 5), min_size=2, max_size=20)


@given(some_images, st.integers(1, 7))
def test_in_order_gives_every_question_once_with_its_own_image(
    images: list[int], batch_size: int
) -> None:
    made = batches(images, batch_size=batch_size)
    rows = []
    for batch in made.in_order():
        assert len(batch) <= batch_size
        assert len(batch.regions) == len(set(batch.image_index.tolist()))
        for position, row in enumerate(batch.rows.tolist()):
            rows.append(row)
            assert batch.regions[batch.image_index[position]].item() == images[row]
            words = "what " * (1 + row % 3)
            assert batch.lengths[position] == len(words.split())
            assert batch.tokens[position].count_nonzero() == len(words.split())
    assert sorted(rows) == list(range(len(images)))


@given(some_images, st.sampled_from(["by-image", "uniform"]), st.integers(0, 3))
def test_shuffled_gives_what_can_be_learnt_once(
    images: list[int], sampling: str, seed: int
) -> None:
    made = batches(images, sampling=sampling)
    rows = [row for batch in made.shuffled(seed) for row in batch.rows.tolist()]
    # Every third question has no answer in the vocabulary.
    assert sorted(rows) == [row for row in range(len(images)) if row % 3 != 2]
    again = [row for batch in made.shuffled(seed) for row in batch.rows.tolist()]
    assert rows == again


def test_by_image_keeps_an_images_questions_together() -> None:
    made = batches([0, 1, 2, 3] * 6, sampling="by-image", batch_size=100)
    (batch,) = made.shuffled(0)
    drawn = batch.image_index.tolist()
    changes = sum(a != b for a, b in pairwise(drawn))
    assert changes == 3
    assert list(dict.fromkeys(drawn)) != [0, 1, 2, 3] or drawn != sorted(drawn)


@given(st.lists(st.integers(1, 11), min_size=1, max_size=6), st.integers(0, 3))
def test_no_more_than_a_few_questions_of_an_image_stay_together(
    counts: list[int], seed: int
) -> None:
    images = [image for image, count in enumerate(counts) for _ in range(3 * count)]
    made = batches(images, batch_size=1, sampling="by-image")
    asked = [images[int(batch.rows)] for batch in made.shuffled(seed)]
    runs = [len(list(group)) for _, group in groupby(asked)]
    # Two of three questions can be learnt from; groups of one image may come to lie side by side.
    fewest = sum(-(-2 * count // TOGETHER) for count in counts)
    assert sum(-(-run // TOGETHER) for run in runs) <= fewest
    found: dict[int, list[int]] = {}
    for image, run in zip((image for image, _ in groupby(asked)), runs, strict=True):
        found.setdefault(image, []).append(run)
    for lengths in found.values():  # all but the last group of an image are full
        assert sum(length % TOGETHER > 0 for length in lengths) <= 1


def test_epochs_differ() -> None:
    made = batches(list(range(6)) * 3, sampling="uniform")
    orders = {tuple(r for b in made.shuffled(seed) for r in b.rows.tolist()) for seed in range(5)}
    assert len(orders) == 5


def test_a_small_set_is_gone_through_again() -> None:
    made = batches([0, 1], batch_size=2)
    assert made.steps() == 1
    assert made.steps(at_least=4) == len(list(made.shuffled(0, at_least=4))) == 4


def test_a_set_that_teaches_nothing_is_refused() -> None:
    strangers = qaset([0])
    made = Batches(
        strangers, Numbered(), WordVocab.build(["what"]), AnswerVocab(("six",)), batch_size=2
    )
    with pytest.raises(DataError, match="no question has an answer that is in the vocabulary"):
        next(made.shuffled(0, at_least=4))


def test_answers_carry_weight_and_score() -> None:
    made = batches([0, 1, 2])
    (batch,) = made.in_order()
    assert batch.answer_index[0].tolist() == [0, 1]
    assert batch.answer_weight[0].tolist() == pytest.approx([0.7, 0.2])
    references = made.questions.questions[0].answers
    expected = [accuracy_of("yes", references), accuracy_of("no", references)]
    assert batch.answer_score[0].tolist() == pytest.approx(expected)
    assert batch.answer_weight[2].tolist() == [0, 0]
