"""VQA-RAD's official file: paraphrases, images on both sides, and what can be wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from askattend.data.readers.registry import read_source
from askattend.data.readers.vqa_rad import read_vqa_rad
from data.readers.reader_cases import refused_by, save

FILE = "VQA_RAD Dataset Public.json"


def question(qid: int, phrase: str = "freeform", image: int = 1, **other: Any) -> dict[str, Any]:
    """As the published file has it."""
    return {
        **{"qid": str(qid), "phrase_type": phrase, "qid_linked_id": f"03f451ca-{qid}"},
        **{"image_case_url": "https://medpix.example/case", "image_name": f"synpic{image}.jpg"},
        **{"image_organ": "HEAD", "evaluation": "evaluated", "question_rephrase": "NULL"},
        **{"question": "Is there an infarct?", "question_relation": "NULL"},
        **{"question_frame": "NULL", "question_type": "PRES", "answer": "Yes"},
        **{"answer_type": "CLOSED", **other},
    }


def test_the_phrase_type_is_the_split(tmp_path: Path) -> None:
    rows = [
        question(0, "test_freeform"),
        question(1, "para", 2, answer=3, answer_type="CLOSED ", question_type="SIZE, COLOR"),
        question(2, "test_para", answer="3.4 cm\n"),
        question(3),
    ]
    save(tmp_path / FILE, rows)
    picture = tmp_path / "VQA_RAD Image Folder/synpic2.jpg"
    picture.parent.mkdir()
    picture.touch()
    qaset = read_source(f"vqa-rad:{tmp_path}")
    assert [(q.id, q.image, q.split, q.answers) for q in qaset] == [
        (0, "synpic1", "test", (("Yes", 1),)),
        (1, "synpic2", "train", (("3", 1),)),
        (2, "synpic1", "test", (("3.4 cm", 1),)),
        (3, "synpic1", "train", (("Yes", 1),)),
    ]
    q = qaset.questions[1]
    assert (q.question_type, q.answer_type, q.meaning) == ("SIZE, COLOR", "CLOSED", None)
    assert qaset.images["synpic2"] == picture
    assert qaset.images["synpic1"] == picture.with_name("synpic1.jpg")
    assert qaset.notes[0] == "splits share images: 1 of 'test' and 'train'"
    assert qaset.notes[1].startswith("1 of 2 images are not there")


def test_paraphrases_share_their_meaning_and_those_across_splits_are_told(tmp_path: Path) -> None:
    rows = [
        question(0, qid_linked_id="a"),
        question(1, "para", qid_linked_id="a"),
        question(2, "test_freeform", 2, qid_linked_id="b"),
        question(3, "para", 2, qid_linked_id="b"),
        # No links: another image's question, and those that the file calls NULL.
        question(4, "para", 3, qid_linked_id="a"),
        question(5, qid_linked_id="NULL"),
        question(6, qid_linked_id="NULL"),
    ]
    save(tmp_path / FILE.replace(" ", "_"), rows)
    qaset = read_vqa_rad(tmp_path)
    meanings = [q.meaning for q in qaset]
    assert meanings == ["synpic1/a"] * 2 + ["synpic2/b"] * 2 + [None] * 3
    assert "1 questions of 'test' are asked in other words in 'train'" in qaset.notes


@pytest.mark.parametrize(("qid", "identifier"), [("7", 7), (7, 7), ("7b", "7b"), ("²", "²")])
def test_ids_are_numbers_where_they_are_some(
    tmp_path: Path, qid: object, identifier: object
) -> None:
    save(tmp_path / FILE, [question(0) | {"qid": qid}])
    assert [q.id for q in read_vqa_rad(tmp_path)] == [identifier]


refuse = refused_by(read_vqa_rad)


def test_files_that_are_not_right_are_refused(tmp_path: Path) -> None:
    refuse(tmp_path, r"no question file named like VQA_RAD Dataset Public\.json\[\.gz\]")
    file = tmp_path / FILE
    save(file, [])
    refuse(tmp_path, r"Public\.json: \$: there is no question")
    save(file, [question(0), question(1) | {"phrase_type": None}])
    refuse(tmp_path, r"Public\.json: \$\[1\]\.phrase_type: expected 'str'")
    save(file, [question(0), question(1, answer=" "), question(2, answer=None)])
    refuse(tmp_path, r"Public\.json: \$\[1\]: no answer, though others .*; 2 such cases")
    save(file, [question(4), question(4)])
    refuse(tmp_path, r"Public\.json: \$\[1\]: the id 4 is taken already")
    file.write_text("[{")
    refuse(tmp_path, "the JSON is truncated")


def test_two_files_are_refused(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        save(tmp_path / folder / FILE, [question(0)])
    refuse(tmp_path, r"two files for split 'all': ")
