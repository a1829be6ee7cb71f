"""DAQUAR's original files: the real ones, and every way in which they can be broken."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from askattend.data.questions import QASet
from askattend.data.readers.daquar import read_daquar
from askattend.data.readers.registry import absolute_source, images_source, read_source
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
    write(tmp_path, "what color ?", "red", "image3", name="qa.894.raw.val.format_triple")
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
    assert qaset.notes[0].startswith("1 of 1 images are not there, such as ")


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


def test_malformed_lines_are_counted(tmp_path: Path) -> None:
    good, bad = ["a ?", "b", "image1"], ["a ?", "", "1.jpg"]
    with pytest.raises(DataError) as caught:
        read_daquar(write(tmp_path, *good, *bad * 3, "c ?"))
    blank, image = "the answer line is blank", "'1.jpg' is not an image name such as image3"
    assert caught.value.where == f"{tmp_path / TRAIN}:5"
    assert caught.value.problem == (
        f"{blank}; 8 such cases, also {TRAIN}:6 ({image}), {TRAIN}:8 ({blank}), …"
    )


def test_folders_without_questions_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no question file qa\.894\.raw\.train\.format_triple"):
        read_daquar(tmp_path)
    with pytest.raises(DataError, match="nowhere: no such folder"):
        read_daquar(tmp_path / "nowhere")


def test_two_files_for_one_split_are_refused(tmp_path: Path) -> None:
    write(tmp_path, "a ?", "b", "image1")
    (tmp_path / "again").mkdir()
    write(tmp_path / "again", "a ?", "b", "image1")
    with pytest.raises(
        DataError,
        match=rf"^{re.escape(str(tmp_path))}: two files for split 'train': .*/qa\.894\.raw\.train",
    ):
        read_daquar(tmp_path)


# --- the set of 37 classes, and two lines a question ------------------------------------------


def test_both_sets_can_be_chosen(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    for number in (1, 2):
        (tmp_path / f"images/image{number}.png").touch()
    write(tmp_path, "a ?", "b", "image1")
    write(tmp_path, "c in the image2 ?", "d", name="qa.37.raw.train.txt")
    full, small = (read_source(f"{name}:{tmp_path}") for name in ("daquar", "daquar-37"))
    assert [q.text for q in full] == ["a ?"]
    assert full.notes == (
        f"read the set of 894 classes; for that of 37 write daquar-37:{tmp_path}",
    )
    assert [(q.text, q.image) for q in small] == [("c ?", "image2")]
    assert (small.source, small.notes) == (f"daquar-37:{tmp_path}", ())


def test_the_small_set_alone_is_read_by_either_name(tmp_path: Path) -> None:
    write(tmp_path, "c in the image2 ?", "d", name="qa.37.raw.train.txt")
    either = [read_source(f"{name}:{tmp_path}") for name in ("daquar", "daquar-37")]
    assert either[0].questions == either[1].questions
    (tmp_path / "qa.37.raw.train.txt").rename(tmp_path / "qa.894.raw.train.txt")
    with pytest.raises(DataError, match=r"no question file qa\.37\.raw\.train"):
        read_daquar(tmp_path, classes=37)


def test_the_sample_of_test_images_is_preferred(tmp_path: Path) -> None:
    write(tmp_path, "a in the image2 ?", "b", name="qa.37.raw.test.txt")
    write(tmp_path, "c in the image2 ?", "d", name="qa.37.raw.reduced.test.txt")
    qaset = read_daquar(tmp_path)
    assert (qaset.splits, qaset.questions[0].text) == ({"test": 1}, "c ?")
    assert qaset.notes[0] == "read qa.37.raw.reduced.test.txt, not qa.37.raw.test.txt"


# Left: lines of the authors' .txt file; right: the same of their .format_triple file.
@pytest.mark.parametrize(
    ("written", "text", "image"),
    [
        ("what is on the desk in the image3 ?", "what is on the desk ?", "image3"),
        (
            "what is the largest brown objects in this image3 ?",
            "what is the largest brown objects ?",
            "image3",
        ),
        (
            "what is the brown object on the right side of the image43 ?",
            "what is the brown object on the right side ?",
            "image43",
        ),
        (
            "what is on the floor on the right side of the image10 behind the door frame in fornt "
            "of the cabinet in the image10 ?",
            "what is on the floor on the right side of the image10 behind the door frame in fornt "
            "of the cabinet ?",
            "image10",
        ),
    ],
)
def test_two_lines_a_question_hold_what_three_do(
    tmp_path: Path, written: str, text: str, image: str
) -> None:
    write(tmp_path, written, "b", name="qa.894.raw.train.txt")
    assert [(q.text, q.image) for q in read_daquar(tmp_path)] == [(text, image)]


def test_the_real_questions_survive_the_other_form(
    qaset: QASet, shared: Path, tmp_path: Path
) -> None:
    triples = (shared / "data/daquar" / TRAIN).read_text().splitlines()
    lines = []
    for question, answer, image in zip(*(triples[part::3] for part in range(3)), strict=True):
        lines += [f"{question.removesuffix('?').rstrip()} in the {image} ?", answer]
    read = read_daquar(write(tmp_path, *lines, name="qa.894.raw.train.txt"))
    assert [(q.text.split(), q.answers, q.image) for q in read] == [
        (q.text.split(), q.answers, q.image) for q in qaset.split("train")
    ]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["a ?", "b"], r"txt:1: the question 'a \?' names no image such as image3"),
        (
            ["a in the image1 ?"],
            r"txt:1: the file ends before the answer line\. Each question takes 2",
        ),
        (["a in the image1 ?", "b", "", "c"], r"txt:3: the question line is blank"),
    ],
)
def test_malformed_lines_are_named(tmp_path: Path, lines: list[str], message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_daquar(write(tmp_path, *lines, name="qa.37.raw.train.txt"))


def test_single_answers_are_the_san_papers_protocol(qaset: QASet, shared: Path) -> None:
    source = f"daquar:{shared / 'data/daquar'},answers=single"
    single = read_source(source)
    # Of 6,795 and 5,673; the paper counts as many.
    assert single.splits == {"train": 6_149, "test": 5_076}
    assert single.source == source
    assert not any("," in answer for q in single for answer, _ in q.answers)
    kept = {q.id: q for q in qaset}
    assert all(kept[q.id] == q for q in single)
    (note,) = single.notes
    assert note.startswith("answers=single: 1,243 of 12,468 questions")


def test_a_random_split_says_that_it_shares_images(qaset: QASet, shared: Path) -> None:
    source = f"daquar:{shared / 'data/daquar'},split=random"
    drawn = read_source(source)
    assert drawn.splits == {"train": 9_975, "test": 2_493}
    train, test = ({q.image for q in drawn.split(name)} for name in ("train", "test"))
    (note,) = drawn.notes
    assert f"split=random: {len(train & test):,} of {len(test):,} images of the test" in note
    assert len(train & test) > 600
    # The questions are the same, each once, and the draw does not change.
    assert [(q.id, q.text) for q in drawn] == [(q.id, q.text) for q in qaset]
    assert [q.split for q in read_source(source)] == [q.split for q in drawn]


def test_protocols_can_be_joined(shared: Path) -> None:
    both = read_source(f"daquar:{shared / 'data/daquar'},split=random,answers=single")
    assert both.splits == {"train": 8_980, "test": 2_245}
    assert both.source.endswith(",answers=single,split=random")
    assert len(both.notes) == 2


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("answer=single", r"unknown option 'answer'\. Did you mean 'answers'\?"),
        ("answers=sinle", r"unknown value of answers 'sinle'\. Did you mean 'single'\?"),
        ("answers=", r"unknown value of answers ''\. Choose from: all, single\."),
    ],
)
def test_a_misspelt_protocol_is_named(tmp_path: Path, option: str, message: str) -> None:
    write(tmp_path, "what ?", "sofa", "image3")
    with pytest.raises(DataError, match=message):
        read_source(f"daquar:{tmp_path},{option}")


def test_a_folder_may_look_like_a_protocol(tmp_path: Path) -> None:
    folder = tmp_path / "sets,answers=single"
    folder.mkdir()
    write(folder, "what ?", "sofa, lamp", "image3")
    assert len(read_source(f"daquar:{folder}")) == 1


def test_protocols_share_their_images_features(tmp_path: Path) -> None:
    write(tmp_path, "what ?", "sofa", "image3")
    source = f"daquar:{tmp_path}"
    single = f"{source},answers=single"
    assert absolute_source(single) == single
    assert images_source(single) == images_source(source) == source
    assert images_source("clevr:x,answers=single").endswith("x,answers=single")
