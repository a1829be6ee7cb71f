"""easy-VQA as it arrives with pip."""

from __future__ import annotations

import sys

import pytest

from askattend.data.questions import QASet
from askattend.data.readers.easy_vqa import read_easy_vqa
from askattend.errors import DataError


@pytest.fixture(scope="module")
def qaset() -> QASet:
    pytest.importorskip("easy_vqa")
    return read_easy_vqa()


def test_it_has_the_published_size(qaset: QASet) -> None:
    assert qaset.source == "easy-vqa"
    assert qaset.splits == {"train": 38_575, "test": 9_673}
    assert len(qaset.split("train").images) == 4_000
    assert len(qaset.split("test").images) == 1_000


def test_ids_are_unique_and_images_exist(qaset: QASet) -> None:
    assert [question.id for question in qaset] == list(range(len(qaset)))
    assert {question.image for question in qaset} == set(qaset.images)
    assert all(question.image.startswith(f"{question.split}/") for question in qaset)
    assert all(path.is_file() for path in qaset.images.values())


def test_questions_and_answers_are_the_packages_own(qaset: QASet) -> None:
    from easy_vqa import get_answers, get_test_image_paths, get_test_questions

    texts, answers, images = get_test_questions()
    test = qaset.split("test")
    assert [question.text for question in test] == texts
    assert [question.answers for question in test] == [((answer, 1),) for answer in answers]
    assert [question.image for question in test] == [f"test/{image}" for image in images]
    assert {str(path) for path in test.images.values()} == set(get_test_image_paths().values())
    assert {answer for question in qaset for answer, _ in question.answers} == set(get_answers())


def test_answer_types(qaset: QASet) -> None:
    kinds = {question.answers[0][0]: question.answer_type for question in qaset}
    assert {a for a, kind in kinds.items() if kind == "yes/no"} == {"yes", "no"}
    assert {a for a, kind in kinds.items() if kind == "shape"} == {
        *("circle", "rectangle", "triangle")
    }
    # The set's questions hold the word "color" when they ask for one, and then only.
    for question in qaset:
        assert (question.answer_type == "color") == ("color" in question.text)


def test_without_the_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "easy_vqa", None)
    with pytest.raises(DataError, match=r"easy-vqa: .*pip install 'easy-vqa>="):
        read_easy_vqa()
