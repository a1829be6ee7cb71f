"""Sets of generated questions: the same for ever, and each a beginning of larger ones."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from askattend.data.questions import QASet
from askattend.data.readers.scenes import read_scenes


def test_the_same_recipe_gives_the_same_questions_and_pixels(qaset: QASet, tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ASKATTEND_CACHE", str(tmp_path))
        again = read_scenes("images=40,seed=3,size=48")
    assert again.questions == qaset.questions[: len(again)]
    for image in again.images:
        assert again.images[image] != qaset.images[image]
        assert again.images[image].read_bytes() == qaset.images[image].read_bytes()
    other = read_scenes("images=10,seed=4,size=48")
    assert [q.text for q in other] != [q.text for q in qaset.questions[: len(other)]]


def test_fewer_pictures_are_the_first_of_more(qaset: QASet) -> None:
    few = read_scenes("images=37,seed=3,size=48")
    assert few.questions == qaset.questions[: len(few)]
    assert few.images == {image: qaset.images[image] for image in few.images}


def test_size_and_clutter_change_no_question(qaset: QASet) -> None:
    other = read_scenes("images=30,seed=3,size=32,clutter=0")
    assert other.questions == qaset.questions[: len(other)]
    with Image.open(other.images["3/0"]) as picture:
        assert picture.size == (32, 32)


def test_splits_share_no_picture(qaset: QASet) -> None:
    images = {name: set(qaset.split(name).images) for name in qaset.splits}
    assert {name: len(found) for name, found in images.items()} == {
        "train": 160,
        "valid": 20,
        "test": 20,
    }
    assert len(set.union(*images.values())) == 200
    assert [question.id for question in qaset] == list(range(len(qaset)))
    assert all(file.is_file() for file in qaset.images.values())
