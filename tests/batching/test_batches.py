"""Batches: every question once, each image once a batch."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from askattend.batching.batches import QUESTIONS_PER_IMAGE, Batches, _stable_order
from askattend.data.questions import QASet
from askattend.data.vocab import AnswerVocab, WordVocab
from askattend.errors import DataError
from fake_features import FakeFeatures
from small_questions import make_qaset, make_question

# They tell which image they belong to.
NUMBERED = FakeFeatures(lambda image: torch.tensor([[float(image)]]))


def qaset(images: Sequence[int]) -> QASet:
    answers = [(("yes", 7), ("no", 2), ("maybe", 1)), (("no", 1),), (("never", 3),)]
    return make_qaset(
        *(
            make_question("what " * (1 + i % 3), *answers[i % 3], id=i, image=str(image))
            for i, image in enumerate(images)
        )
    )


def batches(images: Sequence[int], **options: object) -> Batches:
    words, answers = WordVocab.build(["what"]), AnswerVocab(("yes", "no"))
    settings = {"batch_size": 3, **options}
    return Batches(qaset(images), NUMBERED, words, answers, **settings)  # type: ignore[arg-type]


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
        for position, row in enumerate(batch.question_index.tolist()):
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
    rows = [row for batch in made.shuffled(seed) for row in batch.question_index.tolist()]
    # Every third question has no answer in the vocabulary.
    assert sorted(rows) == [row for row in range(len(images)) if row % 3 != 2]
    again = [row for batch in made.shuffled(seed) for row in batch.question_index.tolist()]
    assert rows == again


def test_by_image_keeps_an_images_questions_together() -> None:
    # Six questions an image, of which four can be learnt from: one group of each.
    made = batches([0, 1, 2, 3] * 6, sampling="by-image", batch_size=100)
    orders, questions = set(), set()
    for seed in range(12):
        (batch,) = made.shuffled(seed)
        blocks = [(image, len(list(group))) for image, group in groupby(batch.image_index.tolist())]
        assert sorted(blocks) == [(0, 4), (1, 4), (2, 4), (3, 4)]
        orders.add(tuple(image for image, _ in blocks))
        questions.add(tuple(q for q in batch.question_index.tolist() if q % 4 == 0))
    # Images come in a new order each time, and so do the questions of one image.
    assert len(orders) > 6
    assert len(questions) > 6


@given(st.lists(st.integers(1, 11), min_size=1, max_size=6), st.integers(0, 3))
def test_no_more_than_a_few_questions_of_an_image_stay_together(
    counts: list[int], seed: int
) -> None:
    images = [image for image, count in enumerate(counts) for _ in range(3 * count)]
    made = batches(images, batch_size=1, sampling="by-image")
    asked = [images[int(batch.question_index)] for batch in made.shuffled(seed)]
    runs = [len(list(group)) for _, group in groupby(asked)]
    # Two of three questions can be learnt from; groups of one image may come to lie side by side.
    fewest = sum(-(-2 * count // QUESTIONS_PER_IMAGE) for count in counts)
    assert sum(-(-run // QUESTIONS_PER_IMAGE) for run in runs) <= fewest
    found: dict[int, list[int]] = {}
    for image, run in zip((image for image, _ in groupby(asked)), runs, strict=True):
        found.setdefault(image, []).append(run)
    for lengths in found.values():  # all but the last group of an image are full
        assert sum(length % QUESTIONS_PER_IMAGE > 0 for length in lengths) <= 1


def test_epochs_differ() -> None:
    made = batches(list(range(6)) * 3, sampling="uniform")
    orders = {
        tuple(r for b in made.shuffled(seed) for r in b.question_index.tolist())
        for seed in range(5)
    }
    assert len(orders) == 5


@pytest.mark.parametrize("start", [0, 1, 3, 7, 8])
@pytest.mark.parametrize("flipped", [False, True])
def test_batches_passed_over_leave_the_rest_as_it_was(start: int, flipped: bool) -> None:
    made = batches([0, 1, 2, 3], batch_size=2)
    if flipped:
        made._flips = SimpleNamespace(  # type: ignore[assignment]
            encoded=made._encoded, draw=lambda asked, rng: rng.permutation(asked)
        )
    whole = [batch.tensors() for batch in made.shuffled(5, at_least=8)]
    rest = [batch.tensors() for batch in made.shuffled(5, at_least=8, start=start)]
    assert len(rest) == 8 - start
    for ours, theirs in zip(rest, whole[start:], strict=True):
        assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_a_small_set_is_gone_through_again() -> None:
    made = batches([0, 1], batch_size=2)
    assert made.steps() == 1
    assert made.steps(at_least=4) == len(list(made.shuffled(0, at_least=4))) == 4


def test_a_set_that_teaches_nothing_is_refused() -> None:
    strangers = qaset([0])
    made = Batches(
        strangers, NUMBERED, WordVocab.build(["what"]), AnswerVocab(("six",)), batch_size=2
    )
    with pytest.raises(DataError, match="no question has an answer that is in the vocabulary"):
        next(made.shuffled(0, at_least=4))


def test_answers_carry_weight_and_score() -> None:
    (batch,) = batches([0, 1, 2]).in_order()
    # Of ten people seven said yes, two no, and one what is not in the vocabulary.
    assert batch.answer_index[0].tolist() == [0, 1]
    assert batch.answer_weight[0].tolist() == pytest.approx([0.7, 0.2])
    # min(others who said it / 3, 1), averaged over whom to leave out: (2·1/3 + 8·2/3) / 10 for no.
    assert batch.answer_score[0].tolist() == pytest.approx([1, 0.6])
    # One person, who said no; the other column is filled up.
    assert batch.answer_index[1, 0] == 1
    assert batch.answer_score[1].tolist() == [1, 0]
    assert batch.answer_weight[1].tolist() == [1, 0]
    # One person, whose answer is not in the vocabulary.
    assert batch.answer_weight[2].tolist() == [0, 0]
    assert batch.answer_score[2].tolist() == [0, 0]


def test_the_ceiling_is_what_the_vocabulary_allows() -> None:
    # The best answer scores 1, 1 and 0; never is not in the vocabulary.
    assert batches([0, 1, 2]).ceiling() == pytest.approx(2 / 3)


@given(st.lists(st.integers(0, 3) | st.integers(0, 2**32 - 1), max_size=60))
def test_the_quick_order_is_the_stable_one(numbers: list[int]) -> None:
    array = np.array(numbers, dtype=np.int64)
    assert np.array_equal(_stable_order(array), np.argsort(array, kind="stable"))
