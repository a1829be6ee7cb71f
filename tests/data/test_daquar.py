"""DAQUAR's original files: the real ones, and every way in which they can be broken."""

from __future__ import annotations

from pathlib import Path

import pytest

from askattend.data.daquar import read_daquar
from askattend.data.questions import QASet
from askattend.errors import DataError

TRAIN, TEST = "qa.894.raw.train.format_triple", "qa.894.raw.test.format_triple"


@pytest.fixture(scope="module")
def qaset(shared: Path) -> QASet:
    return read_daquar(shared / "data/daquar")


def write(folder: Path, *lines: str, name: str = TRAIN) -> Path:
    (folder / name).write_text("\n".join(lines), encoding="utf-8")
    return folder


def test_it_has_the_published_size(qaset: QASet) -> None:
    assert qaset.splits == {"train": 6_795, "test": 5_673}
    assert qaset.notes == ()
    assert [question.id for question in qaset] == list(range(len(qaset)))


def test_it_holds_what_the_files_hold(qaset: QASet, shared: Path) -> None:
    for split, name in (("train", TRAIN), ("test", TEST)):
        lines = (shared / "data/daquar" / name).read_text().splitlines()
        part = qaset.split(split)
        assert [question.text for question in part] == lines[0::3]
        assert [question.answers for question in part] == [((a, 1),) for a in lines[1::3]]
        assert [question.image for question in part] == lines[2::3]
        assert set(part.images) == set(lines[2::3])


def test_its_images_exist(qaset: QASet) -> None:
    assert all(path.is_file() and path.stem == image for image, path in qaset.images.items())
    assert not qaset.split("train").images.keys() & qaset.split("test").images.keys()


def test_lines_are_made_regular(tmp_path: Path) -> None:
    text = "\ufeffhow many ?\r\n 12\r\nimage3\r\nwhat ?\r\nsofa,lamp ,  sofa\r\nimage7\r\n\r\n \r\n"
    (tmp_path / TRAIN).write_bytes(text.encode())
    write(tmp_path, "what color ?", "red", "image3", name="qa.37.raw.val.format_triple")
    for name in ("image3.PNG", "image7.jpeg"):
        (tmp_path / name).touch()
    qaset = read_daquar(tmp_path)
    assert qaset.splits == {"train": 2, "valid": 1}
    assert [(q.text, q.answers[0][0], q.answer_type, q.image) for q in qaset] == [
        ("how many ?", "12", "number", "image3"),
        ("what ?", "sofa, lamp, sofa", "several", "image7"),
        ("what color ?", "red", "other", "image3"),
    ]
    assert qaset.images == {
        "image3": tmp_path / "image3.PNG",
        "image7": tmp_path / "image7.jpeg",
    }


def test_missing_images_are_noted_and_given_the_path_expected(tmp_path: Path) -> None:
    qaset = read_daquar(write(tmp_path, "what ?", "sofa", "image3"))
    assert qaset.images == {"image3": tmp_path / "images/image3.jpg"}
    assert qaset.notes[0].startswith("1 images are not in ")


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([""], r"train\.format_triple: the file is empty"),
        (["a ?", "b", "image1", "c ?"], r"triple:4: the file ends before the answer line"),
        (["a ?", "b", "image1", "c ?", "d"], r"triple:5: the file ends before the image line"),
        (["a ?", "b", "1.jpg"], r"triple:3: '1\.jpg' is not an image name such as image3"),
        (["a ?", "b", "image1", "", "d", "image2"], r"triple:4: the question line is blank"),
        (["a ?", "", "image1"], r"triple:2: the answer line is blank"),
        (["a ?", "b", "", "c ?", "d", "image1"], r"triple:3: the image line is blank"),
        (["a ?", "b", "c ?", "d", "image1"], r"triple:3: 'c \?' is not an image name"),
    ],
)
def test_malformed_files_are_named_by_line(tmp_path: Path, lines: list[str], message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_daquar(write(tmp_path, *lines))


def test_folders_without_questions_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no question file \*\.train\.format_triple"):
        read_daquar(tmp_path)
    with pytest.raises(DataError, match="nowhere: no such folder"):
        read_daquar(tmp_path / "nowhere")


def test_two_files_for_one_split_are_refused(tmp_path: Path) -> None:
    write(tmp_path, "a ?", "b", "image1")
    write(tmp_path, "a ?", "b", "image1", name="qa.37.raw.train.format_triple")
    with pytest.raises(DataError, match=r"two files for split 'train': qa\.37\.raw\.train"):
        read_daquar(tmp_path)
