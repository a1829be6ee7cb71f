"""VizWiz's official files: ten answers each, unanswerable ones too, and what can be wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from askattend.data.readers.registry import read_source
from askattend.data.readers.vizwiz import read_vizwiz
from askattend.metrics.vqa_official import vqa_accuracy
from data.readers.reader_cases import refused_by, save

NAME = "VizWiz_{}_{:08}.jpg"
TEN = ["basil", "basil leaves", "basil", "unanswerable", *["basil leaves"] * 6]


def question(number: int, split: str = "train", answers: list[str] | None = None) -> dict[str, Any]:
    """As the published files have it; without answers as the test questions."""
    asked = {"image": NAME.format(split, number), "question": "What is this?"}
    if answers is None:
        return asked
    given = [{"answer": answer, "answer_confidence": "maybe"} for answer in answers]
    return asked | {"answers": given, "answer_type": "other", "answerable": 1}


def test_each_split_is_read_with_its_images(tmp_path: Path) -> None:
    save(tmp_path / "Annotations/test.json", [question(0, "test")])
    save(tmp_path / "Annotations/val.json.gz", [question(0, "val", ["unanswerable"] * 10)])
    save(tmp_path / "Annotations/train.json", [question(0, answers=TEN), question(1, answers=TEN)])
    picture = tmp_path / "train" / NAME.format("train", 1)
    picture.parent.mkdir()
    picture.touch()
    qaset = read_source(f"vizwiz:{tmp_path}")
    assert qaset.splits == {"train": 2, "valid": 1, "test": 1}
    counted = (("basil leaves", 7), ("basil", 2), ("unanswerable", 1))
    assert [(q.id, q.image, q.answers, q.answer_type) for q in qaset] == [
        ("VizWiz_train_00000000", "VizWiz_train_00000000", counted, "other"),
        ("VizWiz_train_00000001", "VizWiz_train_00000001", counted, "other"),
        ("VizWiz_val_00000000", "VizWiz_val_00000000", (("unanswerable", 10),), "other"),
        ("VizWiz_test_00000000", "VizWiz_test_00000000", (), None),
    ]
    assert qaset.images["VizWiz_train_00000001"] == picture
    assert qaset.notes[0] == "1 of 3 answered questions are 'unanswerable' to most"
    assert qaset.notes[1].startswith("3 of 4 images are not there")


def test_answers_are_scored_as_those_of_vqa(tmp_path: Path) -> None:
    save(tmp_path / "train.json", [question(0, answers=TEN)])
    [q] = read_vizwiz(tmp_path)
    scores = [vqa_accuracy(answer, q.answers) for answer in ("basil leaves", "basil", "mint")]
    assert scores == [1.0, 0.6, 0.0]  # two of ten: 8 of ten leave-one-outs have 2/3, 2 have 1/3


refuse = refused_by(read_vizwiz)


def test_files_that_are_not_right_are_refused(tmp_path: Path) -> None:
    refuse(tmp_path / "no", "no such folder")
    refuse(tmp_path, r"no question file named like train\.json\[\.gz\]")
    file = tmp_path / "Annotations/train.json"
    save(file, [])
    refuse(tmp_path, r"train\.json: \$: there is no question")
    save(file, [question(0), question(1) | {"answers": [{"answer": 3}]}])
    refuse(tmp_path, r"train\.json: \$\[1\]\.answers\[0\]\.answer: expected 'str'")
    save(file, [question(0, answers=TEN), question(1), question(2, answers=[])])
    refuse(tmp_path, r"train\.json: \$\[1\]: no answer, though others .*; 2 such cases")
    save(file, [question(0), question(0)])
    refuse(tmp_path, r"train\.json: \$\[1\]: the id VizWiz_train_00000000 is taken already")
    save(file, {"annotations": []})
    refuse(tmp_path, r"train\.json: \$: expected 'array'")
    file.write_text('[{"image": ')
    refuse(tmp_path, "the JSON is truncated")


def test_the_same_image_in_two_splits_is_refused(tmp_path: Path) -> None:
    for name in ("train", "val"):
        save(tmp_path / f"{name}.json", [question(0, answers=TEN)])
    refuse(tmp_path, r"val\.json: \$\[0\]: the id VizWiz_train_00000000 is taken already")


def test_two_files_for_one_split_are_refused(tmp_path: Path) -> None:
    for folder in ("vqa", "captions"):
        save(tmp_path / folder / "val.json", [question(0)])
    refuse(tmp_path, r"two files for split 'valid': .*vqa.val\.json")
