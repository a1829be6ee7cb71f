"""CLEVR's official files: splits, programs, and what can be wrong with them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from askattend.data.readers.clevr import read_clevr
from askattend.data.readers.registry import read_source
from data.readers.reader_cases import refused_by, save


def question(
    number: int, split: str, *functions: str, answer: object = None, key: str = "function"
) -> dict[str, Any]:
    """As the published files have it; without functions as the test questions."""
    asked = {
        "question_index": number,
        "image_index": number // 10,
        "image_filename": f"CLEVR_{split}_{number // 10:06}.png",
        "split": split,
        "question": f"How big is the cube {number}?",
    }
    if not functions:
        return asked
    program = [{"inputs": [], key: name, "value_inputs": []} for name in functions]
    return asked | {"program": program, "answer": answer, "question_family_index": 3}


def write(folder: Path, split: str, *questions: dict[str, Any]) -> Path:
    file = folder / f"CLEVR_v1.0/questions/CLEVR_{split}_questions.json"
    return save(file, {"info": {"split": split}, "questions": questions}) / file.name


def test_every_split_numbers_its_own_questions(tmp_path: Path) -> None:
    write(tmp_path, "test", question(0, "test"))
    write(tmp_path, "val", question(0, "val", "scene", "exist", answer="yes"))
    write(
        tmp_path,
        "train",
        question(0, "train", "scene", "unique", "query_size", answer="large"),
        question(13, "train", "scene", "count", answer="2"),
    )
    picture = tmp_path / "CLEVR_v1.0/images/train/CLEVR_train_000001.png"
    picture.parent.mkdir(parents=True)
    picture.touch()
    qaset = read_source(f"clevr:{tmp_path}")
    assert [(q.id, q.split, q.image, q.answers) for q in qaset] == [
        ("train/0", "train", "CLEVR_train_000000", (("large", 1),)),
        ("train/13", "train", "CLEVR_train_000001", (("2", 1),)),
        ("valid/0", "valid", "CLEVR_val_000000", (("yes", 1),)),
        ("test/0", "test", "CLEVR_test_000000", ()),
    ]
    assert qaset.images["CLEVR_train_000001"] == picture
    assert qaset.images["CLEVR_test_000000"] == tmp_path / "images/CLEVR_test_000000.png"
    assert qaset.notes[0].startswith("3 of 4 images are not there")


@pytest.mark.parametrize("key", ["function", "type"])
@pytest.mark.parametrize(
    ("function", "answer", "kind"),
    [
        ("count", "3", "number"),
        ("exist", "no", "yes/no"),
        ("equal_color", "no", "yes/no"),
        ("greater_than", "yes", "yes/no"),
        ("less_than", "yes", "yes/no"),
        ("query_material", "rubber", "material"),
    ],
)
def test_the_last_function_is_the_type(
    tmp_path: Path, key: str, function: str, answer: str, kind: str
) -> None:
    write(tmp_path, "train", question(0, "train", "scene", function, answer=answer, key=key))
    [q] = read_clevr(tmp_path)
    assert (q.question_type, q.answer_type, q.answers[0][0]) == (function, kind, answer)


@pytest.mark.parametrize(("answer", "text"), [(True, "yes"), (False, "no"), (3, "3"), ("3", "3")])
def test_generated_answers_become_text(tmp_path: Path, answer: object, text: str) -> None:
    write(tmp_path, "new", question(0, "new", "exist", answer=answer))
    assert read_clevr(tmp_path).questions[0].answers == ((text, 1),)


def test_cogent_has_two_conditions(tmp_path: Path) -> None:
    for split in ("valB", "testA", "valA", "trainA", "testB"):
        write(tmp_path, split, question(0, split))
    assert list(read_clevr(tmp_path).splits) == ["train", "valid", "test", "testB", "valB"]


refuse = refused_by(read_clevr)


def test_a_folder_without_questions_lists_what_is_there(tmp_path: Path) -> None:
    refuse(tmp_path, r"CLEVR_train_questions\.json\[\.gz\], here .* of JSON files it has none\.")
    (tmp_path / "CLEVR_train_scenes.json").touch()
    refuse(tmp_path, r"it has CLEVR_train_scenes\.json\.")


def test_two_files_for_one_split_are_refused(tmp_path: Path) -> None:
    write(tmp_path, "train", question(0, "train"))
    write(tmp_path, "trainA", question(0, "trainA"))
    refuse(tmp_path, r"/questions: two files for split 'train': .*trainA_questions\.json")


def test_a_file_answered_in_part_is_refused(tmp_path: Path) -> None:
    rows = [question(n, "val", "exist", answer="no" if n < 2 else None) for n in range(6)]
    write(tmp_path, "val", *rows)
    refuse(
        tmp_path,
        r"val_questions\.json: \$\.questions\[2\]: no answer, though others of the file have one; "
        r"4 such cases, also \$\.questions\[3\] .*, \$\.questions\[4\] .*, …\. Fetch the file",
    )
    write(tmp_path, "val", *rows[2:])
    assert {q.answers for q in read_clevr(tmp_path)} == {()}


def test_a_file_without_questions_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "val")
    refuse(tmp_path, r"val_questions\.json: \$\.questions: there is no question")


def test_wrong_questions_are_named(tmp_path: Path) -> None:
    write(tmp_path, "val", question(0, "val"), question(1, "val") | {"image_filename": 3})
    refuse(tmp_path, r"val_questions\.json: \$\.questions\[1\]\.image_filename: expected 'str'")
    write(tmp_path, "val", question(0, "val"), question(0, "val"))
    refuse(tmp_path, r"\$\.questions\[1\]: the question index 0 is taken already")
    write(tmp_path, "val").write_text('{"questions": [')
    refuse(tmp_path, "the JSON is truncated")
