"""The validation split: disjoint, stable, and the same on every machine."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from askattend.data.questions import QASet, Question
from askattend.data.splits import (
    FEW_IMAGES,
    FEWEST_IMAGES,
    canonical_split,
    fold_splits,
    image_folds,
    no_test_note,
    odd_splits,
    shared_images,
    shared_note,
    training_splits,
)
from askattend.errors import ConfigError, DataError
from small_questions import make_qaset, make_question


def qaset(**images: int | list[str]) -> QASet:
    """Split → its images (or their number); two questions an image, one for the last."""
    questions: list[Question] = []
    for split, names in images.items():
        names = [f"{n}.jpg" for n in range(names)] if isinstance(names, int) else names
        for image in (*names, *names[:-1]):
            questions.append(
                make_question("what", ("red", 1), id=len(questions), image=image, split=split)
            )
    return make_qaset(*questions)


@given(
    st.integers(FEWEST_IMAGES, 60),
    st.floats(0, 1, exclude_min=True, exclude_max=True),
    st.integers(),
)
def test_every_question_is_on_one_side_with_its_image(
    images: int, fraction: float, seed: int
) -> None:
    whole = qaset(train=images)
    splits = training_splits(whole, fraction=fraction, seed=seed)
    assert splits.train.images
    assert splits.valid.images
    assert not splits.train.images.keys() & splits.valid.images.keys()
    assert {**splits.train.images, **splits.valid.images} == whole.images
    assert sorted(q.id for side in (splits.train, splits.valid) for q in side) == list(
        range(len(whole))
    )
    for side in (splits.train, splits.valid):
        assert {q.image for q in side} == set(side.images)


@given(st.integers(), st.integers(FEWEST_IMAGES, FEW_IMAGES - 1), st.sampled_from([0.05, 0.1, 0.3]))
def test_of_few_images_no_fewer_than_the_fraction_are_held_back(
    seed: int, images: int, fraction: float
) -> None:
    valid = training_splits(qaset(train=images), fraction=fraction, seed=seed).valid
    assert max(round(fraction * images), 1) <= len(valid.images) < images


@given(st.integers(), st.integers(FEW_IMAGES, 300))
def test_adding_images_moves_none(seed: int, fewer: int) -> None:
    small = training_splits(qaset(train=fewer), fraction=0.5, seed=seed)
    large = training_splits(qaset(train=400), fraction=0.5, seed=seed)
    assert small.valid.images.keys() == large.valid.images.keys() & qaset(train=fewer).images.keys()


def test_about_the_fraction_is_held_back_and_the_seed_chooses() -> None:
    whole = qaset(train=4000)
    first, second = (training_splits(whole, fraction=0.25, seed=seed) for seed in (0, 1))
    # Four standard deviations of a binomial draw.
    assert len(first.valid.images) == pytest.approx(1000, abs=4 * (4000 * 0.25 * 0.75) ** 0.5)
    assert first.valid.images.keys() != second.valid.images.keys()


def test_the_split_does_not_depend_on_the_hash_seed() -> None:
    script = (
        "from pathlib import Path; from askattend.data.questions import QASet, Question\n"
        "from askattend.data.splits import training_splits\n"
        "names = [f'{n}.jpg' for n in range(50)]\n"
        "whole = QASet('', tuple(Question(n, n, 'a', (), 'train') for n in names),"
        " {n: Path(n) for n in names})\n"
        "print(*training_splits(whole, seed=3).valid.images)"
    )
    runs = [
        subprocess.run(
            [sys.executable, "-c", script],
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert runs[0] == runs[1]
    assert runs[0].strip()


def test_few_images_are_validated_on_themselves() -> None:
    splits = training_splits(qaset(train=FEWEST_IMAGES - 1, test=3))
    assert splits.train == splits.valid
    assert splits.train.splits == {"train": 2 * (FEWEST_IMAGES - 1) - 1}
    assert "validated on the training questions themselves: 19 images" in splits.notes[0]


def test_the_own_valid_split_is_used() -> None:
    splits = training_splits(qaset(train=["a", "b"], valid=["c"], test=["d"]))
    assert [q.image for q in splits.train] == ["a", "b", "a"]
    assert [q.image for q in splits.valid] == ["c"]
    assert splits.notes == ("validated on the set's own 'valid' split: 1 questions on 1 images",)


def test_images_on_both_sides_are_noted() -> None:
    splits = training_splits(qaset(train=["a", "b"], valid=["b", "c"]))
    assert splits.notes[1] == "1 images are in 'train' and 'valid' both: validation flatters"


def test_a_valid_split_without_answers_is_not_used() -> None:
    whole = qaset(train=30)
    whole = make_qaset(*whole, make_question("what", id="u", image="u", split="valid"))
    splits = training_splits(whole)
    assert splits.valid.images.keys() < qaset(train=30).images.keys()
    assert splits.notes[0] == "the 'valid' split has no answers"


@pytest.mark.parametrize("fraction", [0.0, 1.0, -0.1, 2.0, float("nan")])
def test_a_fraction_out_of_range_is_refused(fraction: float) -> None:
    with pytest.raises(ConfigError, match=r"fraction = .*: must lie between 0 and 1"):
        training_splits(qaset(train=30), fraction=fraction)


def test_a_set_without_train_is_refused() -> None:
    with pytest.raises(DataError, match=r"some: no split 'train' to learn from\. It has: test \(3"):
        training_splits(qaset(test=2))


@pytest.mark.parametrize(
    ("name", "canonical"),
    [
        ("Training", "train"),
        ("val", "valid"),
        ("dev", "valid"),
        (" validation ", "valid"),
        ("TEST", "test"),
        ("test-Dev", "test-Dev"),
    ],
)
def test_usual_names_of_splits(name: str, canonical: str) -> None:
    assert canonical_split(name) == canonical


# --- training on several splits ---------------------------------------------------------------


@given(st.integers(FEWEST_IMAGES, 40), st.integers(1, 40), st.integers(0, 9))
def test_two_splits_are_trained_on_as_if_they_were_one(train: int, valid: int, seed: int) -> None:
    names = [f"{n}.jpg" for n in range(train + valid)]
    two = qaset(train=names[:train], valid=names[train:], test=["t"])
    splits = training_splits(two, train_on="train+val", seed=seed)
    one = training_splits(qaset(train=names), seed=seed)
    assert splits.train.images == one.train.images
    assert splits.valid.images == one.valid.images
    both = [q.id for side in (splits.train, splits.valid) for q in side]
    assert sorted(both) == [q.id for q in two if q.split != "test"]
    assert "held back" in splits.notes[0]


def test_the_set_s_own_validation_split_stays_if_it_is_not_trained_on() -> None:
    whole = qaset(train=["a"], valid=["b"], extra=["c"])
    splits = training_splits(whole, train_on="train+extra")
    assert set(splits.train.images) == {"a", "c"}
    assert set(splits.valid.images) == {"b"}


def test_what_cannot_be_trained_on_is_refused() -> None:
    whole = qaset(train=30)
    with pytest.raises(DataError, match=r"no question in split 'valid'\. It has: train \(59\)"):
        training_splits(whole, train_on="train+valid")
    unanswered = make_qaset(*whole, make_question("what", id=99, image="x"))
    with pytest.raises(DataError, match="'test' has no answers to learn from"):
        training_splits(unanswered, train_on="train+test")


def test_shared_images_are_counted_by_pairs_of_splits() -> None:
    whole = qaset(train=["a", "b", "c"], valid=["b", "c"], test=["c", "d"], other=["e"])
    assert shared_images(whole) == {
        ("train", "valid"): 2,
        ("train", "test"): 1,
        ("valid", "test"): 1,
    }
    assert shared_note(whole) == (
        "splits share images: 2 of 'train' and 'valid', 1 of 'train' and 'test', "
        "1 of 'valid' and 'test'",
    )
    assert shared_note(qaset(train=["a"], test=["b"])) == ()


def test_a_set_without_questions_to_test_on_is_noted() -> None:
    for some in ({"train": 3}, {"train": 3, "valid": 2}):
        (note,) = no_test_note(qaset(**some))
        assert note.startswith("no questions are kept to test on: evaluate --split valid says how")
    assert not no_test_note(qaset(train=3, test=1))
    assert not no_test_note(qaset(train=3, testdev=1))


def test_splits_of_no_usual_name() -> None:
    whole = qaset(train=3, valid=2, test=1, tset=2, **{"test-dev": 1, "mine": 1, "Vaild": 1})
    assert odd_splits(whole, ["mine"]) == (
        "split 'tset' (3) is neither trained nor validated on. Did you mean 'test'?",
        "split 'test-dev' (1) is neither trained nor validated on",
        "split 'Vaild' (1) is neither trained nor validated on. Did you mean 'valid'?",
    )
    assert not odd_splits(qaset(train=3, valid=2, test=1))


@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 9))
def test_folds_are_of_equal_sizes_and_every_image_is_in_one(
    images: int, count: int, seed: int
) -> None:
    questions = make_qaset(*(make_question(id=n, image=f"{n}") for n in range(images)))
    if count > images:
        with pytest.raises(ConfigError, match="cannot be divided"):
            image_folds(questions, count, seed=seed)
        return
    folds = image_folds(questions, count, seed=seed)
    assert sorted(image for fold in folds for image in fold) == sorted(questions.images)
    sizes = {len(fold) for fold in folds}
    assert max(sizes) - min(sizes) <= 1
    backwards = make_qaset(*reversed(questions.questions))
    assert image_folds(backwards, count, seed=seed) == folds


@given(st.integers(2, 40), st.integers(2, 6), st.integers(0, 9))
def test_folds_part_the_images_evenly(images: int, count: int, seed: int) -> None:
    train = qaset(train=images)
    if images < count:
        with pytest.raises(DataError, match=f"{images} images cannot be divided into {count}"):
            fold_splits(train, count, seed=seed)
        return
    folds = fold_splits(train, count, seed=seed)
    sizes = [len(fold.valid.images) for fold in folds]
    assert (len(folds), sum(sizes)) == (count, images)
    assert max(sizes) - min(sizes) <= 1
    for fold in folds:
        assert {*fold.train.images} == {*train.images} - {*fold.valid.images}
        assert len(fold.train) + len(fold.valid) == len(train)
