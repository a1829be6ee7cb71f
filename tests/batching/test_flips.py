"""Mirror images in batches: drawn by the seed, an image for all its questions, or never."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from askattend.batching.batches import Batch, Batches
from askattend.batching.flips import Flips, require_language
from askattend.data.mirroring import ENGLISH
from askattend.data.questions import QASet
from askattend.data.vocab import AnswerVocab, WordVocab
from askattend.errors import ConfigError
from askattend.features.images import MIRROR_IMAGE
from fake_features import FakeFeatures
from small_questions import make_qaset, make_question

WORDS = WordVocab.build(["is the cup left or right of it", "does it turn clockwise"])
ANSWERS = AnswerVocab(("left", "right", "yes"))


def features_of(image: str) -> torch.Tensor:
    """The image's number, and if it is a mirror image."""
    number = float(image.removeprefix(MIRROR_IMAGE))
    return torch.tensor([[number, float(image.startswith(MIRROR_IMAGE))]])


SOURCE = FakeFeatures(features_of)


def questions(images: int, each: int = 3) -> QASet:
    """Of every image as many questions; of the last also one that no mirror can be sure of."""
    made = [
        make_question("is the cup left of it?", (("left", "right", "yes")[i % 3], 1), image=str(i))
        for i in range(images)
        for _ in range(each)
    ]
    return make_qaset(
        *made, make_question("does it turn clockwise?", ("yes", 1), image=str(images - 1))
    )


def batches(
    asked: QASet, probability: float | None = None, answers: AnswerVocab = ANSWERS
) -> Batches:
    flips = None
    if probability is not None:
        flips = Flips.of(asked, ENGLISH, WORDS, answers, probability=probability)
    return Batches(asked, SOURCE, WORDS, answers, batch_size=4, flips=flips)


def flipped(batch: Batch) -> list[bool]:
    """For each question, if it is asked of a mirror image."""
    found = batch.regions[batch.image_index, 0, 1].bool().tolist()
    return list(found)


@given(st.integers(2, 6), st.integers(0, 5), st.floats(0, 1))
def test_an_image_is_flipped_with_all_its_questions(
    images: int, seed: int, probability: float
) -> None:
    asked = questions(images)
    left, right = WORDS.encode("left")[0], WORDS.encode("right")[0]
    usual = batches(asked).shuffled(seed)
    for plain, batch in zip(usual, batches(asked, probability).shuffled(seed), strict=True):
        assert torch.equal(plain.question_index, batch.question_index)
        number = batch.regions[batch.image_index, 0, 0]
        assert torch.equal(number, plain.regions[plain.image_index, 0, 0])
        # One row an image, flipped or not.
        assert len(batch.regions[:, 0, 0].unique()) == len(batch.regions)
        for row, is_flipped in enumerate(flipped(batch)):
            assert not (is_flipped and number[row] == images - 1)
            tokens = plain.tokens[row].clone()
            answer = plain.answer_index[row, 0].item()
            if is_flipped:
                tokens[tokens == left] = right
                answer = {0: 1, 1: 0}.get(int(answer), answer)
            width = int(batch.lengths[row])
            assert torch.equal(batch.tokens[row, :width], tokens[:width])
            assert batch.answer_index[row, 0] == answer


def test_the_probability_is_kept() -> None:
    asked = questions(1200, each=1)
    for probability in (0.0, 0.25, 1.0):
        drawn = [f for batch in batches(asked, probability).shuffled(0) for f in flipped(batch)]
        assert np.mean(drawn) == pytest.approx(probability, abs=0.05)


def test_flips_follow_from_the_seed() -> None:
    made = batches(questions(30), 0.5)
    first, again, other = ([flipped(b) for b in made.shuffled(seed)] for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_nothing_is_flipped_where_answers_are_looked_at() -> None:
    assert not any(any(flipped(batch)) for batch in batches(questions(5), 1.0).in_order())


def test_an_image_is_not_flipped_if_the_swapped_answer_cannot_be_given() -> None:
    made = batches(questions(4), 1.0, AnswerVocab(("left", "yes")))
    for batch in made.shuffled(0):
        for number, is_flipped in zip(
            batch.regions[batch.image_index, 0, 0].tolist(), flipped(batch), strict=True
        ):
            assert is_flipped == (number == 2)  # "yes"; the last one's clock is not certain
    # The answer to the second's cannot be given itself, so that it is not learnt from at all.
    assert made.images == ("0", "1", "2", "3", f"{MIRROR_IMAGE}1", f"{MIRROR_IMAGE}2")


def test_questions_in_an_unknown_language_are_not_flipped() -> None:
    french = make_qaset(make_question("à gauche ou à droite?"), images={"i": Path("i")})
    with pytest.raises(ConfigError, match=r"train\.flips: most questions are in none .*English"):
        require_language(french)
    assert require_language(questions(1)) is ENGLISH
