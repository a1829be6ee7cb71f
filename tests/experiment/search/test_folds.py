"""The questions that a search validates on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from askattend.data.questions import QASet, Question
from askattend.data.splits import Splits, training_splits
from askattend.errors import ConfigError, DataError
from askattend.experiment.search.folds import FEW, folds_for


def questions(images: int, of_each: int = 2, *, valid: int = 0) -> QASet:
    """Questions on images, of which the last are for validation, and one for testing."""
    rows = [
        Question(
            f"{image}-{number}",
            f"{image}",
            "what?",
            (("cat", 1),),
            "valid" if image >= images - valid else "train",
        )
        for image in range(images)
        for number in range(of_each)
    ]
    rows.append(Question("t", "tested", "what?", (("dog", 1),), "test"))
    return QASet("here", tuple(rows), {q.image: Path(q.image) for q in rows})


def ids(part: QASet) -> set[object]:
    return {question.id for question in part}


def test_few_questions_are_each_validated_on_once_by_image() -> None:
    splits = training_splits(questions(60))
    folds = folds_for(splits)
    assert len(folds) == 3
    every = ids(splits.train) | ids(splits.valid)
    assert sorted(id_ for fold in folds for id_ in map(str, ids(fold.valid))) == sorted(
        map(str, every)
    )
    for fold in folds:
        assert ids(fold.train) == every - ids(fold.valid)
        assert not fold.train.images.keys() & fold.valid.images.keys()
        assert "tested" not in {**fold.train.images, **fold.valid.images}


def test_many_questions_are_validated_on_as_training_does() -> None:
    splits = training_splits(questions(FEW // 10 + 40, of_each=20))
    assert folds_for(splits) == (splits,)
    assert len(folds_for(splits, 4)) == 4


def test_questions_without_answers_are_in_no_fold() -> None:
    splits = training_splits(questions(30, valid=5))
    unanswered = Question("u", "extra", "what?", (), "valid")
    valid = replace(
        splits.valid,
        questions=(*splits.valid.questions, unanswered),
        images={**splits.valid.images, "extra": Path("extra")},
    )
    folds = folds_for(Splits(splits.train, valid, ()))
    assert all("extra" not in part.images for fold in folds for part in (fold.train, fold.valid))


def test_nothing_held_back_is_refused() -> None:
    with pytest.raises(ConfigError, match="nothing is held back to choose by"):
        folds_for(training_splits(questions(12)))


def test_fewer_images_than_folds_are_refused() -> None:
    with pytest.raises(DataError, match="24 images cannot be divided into 25 folds"):
        folds_for(training_splits(questions(24)), 25)
