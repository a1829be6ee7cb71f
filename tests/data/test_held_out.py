"""A test split out of questions without one."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from askattend.data.held_out import with_test_split
from askattend.data.questions import QASet, Question
from askattend.data.splits import no_test_note, training_splits
from askattend.errors import DataError


def asked(train: Collection[str], valid: Collection[str] = ()) -> QASet:
    splits = [*((image, "train") for image in train), *((image, "valid") for image in valid)]
    pairs = [(image, split) for image, split in splits for _ in range(2)]
    questions = tuple(
        Question(id=number, image=image, text="what?", answers=(("red", 1),), split=split)
        for number, (image, split) in enumerate(pairs)
    )
    return QASet("table:q.csv", questions, {image: Path(image) for image, _ in splits})


def images(questions: QASet, split: str) -> set[str]:
    return {question.image for question in questions if question.split == split}


@given(st.integers(2, 60), st.sampled_from(["0.1", "0.2", "0.5", "0.9"]), st.integers(0, 5))
def test_images_go_whole_and_in_any_order_the_same(count: int, share: str, seed: int) -> None:
    names = [f"{number}.png" for number in range(count)]
    both, other = asked(names), asked(names[::-1])
    held = with_test_split(both, share, str(seed))
    test, train = images(held, "test"), images(held, "train")
    assert test
    assert train
    assert sorted((*test, *train)) == sorted(names)
    assert images(with_test_split(other, share, str(seed)), "test") == test
    assert len(test) >= min(round(float(share) * count), count - 1)
    assert [question.id for question in held] == [question.id for question in both]


def test_enough_is_left_to_validate_on() -> None:
    held = with_test_split(asked([f"{number}.png" for number in range(1000)]), "0.2", "")
    splits = training_splits(held)
    assert 150 < len(images(held, "test")) < 250
    assert 50 < len(splits.valid.images) < 110  # a tenth of 800, not what the test left of it
    assert no_test_note(held) == ()
    assert held.notes[0].startswith("held out to test on: ")


def test_an_image_of_another_split_stays() -> None:
    held = with_test_split(asked(["a", "b", "c"], valid=["a"]), "0.9", "")
    assert images(held, "test") < {"b", "c"}


@pytest.mark.parametrize("share", ["0", "1", "-0.1", "nan", "inf", "half", "20%"])
def test_what_is_no_share(share: str) -> None:
    with pytest.raises(DataError, match="no number between 0 and 1"):
        with_test_split(asked(["a", "b"]), share, "")


def test_what_cannot_be_held_out() -> None:
    with pytest.raises(DataError, match="cannot be divided"):
        with_test_split(asked(["a", "b"], valid=["a"]), "0.2", "")
    with pytest.raises(DataError, match="already"):
        with_test_split(with_test_split(asked(["a", "b"]), "0.2", ""), "0.2", "")
    with pytest.raises(DataError, match="whole number"):
        with_test_split(asked(["a", "b"]), "0.2", "x")
    with pytest.raises(DataError, match="not there"):
        with_test_split(asked(["a", "b"]), "", "3")


def test_the_note_names_the_option() -> None:
    (note,) = no_test_note(asked(["a", "b"]))
    assert note.endswith("hold out a fifth of the images: table:q.csv,test=0.2")
