"""NLVR's official files: six pictures an example, and what can be wrong with them."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from askattend.data.readers.nlvr import read_nlvr
from askattend.data.readers.registry import read_source
from data.readers.reader_cases import refused_by


def example(identifier: str, label: object = "true", **other: Any) -> dict[str, Any]:
    """As the published files have it."""
    return {
        **{"sentence": f"There is a tower {identifier}.", "identifier": identifier},
        **{"label": label, "evals": {"r1": "true", "r6": "false"}},
        "structured_rep": [[{"y_loc": 80, "type": "square", "color": "Black"}], [], []],
        **other,
    }


def write(folder: Path, split: str, *examples: dict[str, Any]) -> Path:
    file = folder / split / f"{split}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(json.dumps(each) + "\n" for each in examples))
    return file


def test_an_example_is_asked_of_its_six_pictures(tmp_path: Path) -> None:
    write(tmp_path, "dev", example("72-0", "false"))
    write(tmp_path, "train", example("72-0"), example("72-1", True), example("9-3", False))
    picture = tmp_path / "train/images/5/train-72-1-4.png"
    picture.parent.mkdir(parents=True)
    picture.touch()
    qaset = read_source(f"nlvr:{tmp_path}")
    assert qaset.splits == {"train": 18, "valid": 6}
    assert [q.image for q in qaset][6:12] == [f"train-72-1-{order}" for order in range(6)]
    assert all(q.id == q.image and q.answer_type == "true/false" for q in qaset)
    assert [q.answers for q in qaset][::6] == [
        (("true", 1),),
        (("true", 1),),
        (("false", 1),),
        (("false", 1),),
    ]
    assert qaset.images["train-72-1-4"] == picture
    assert qaset.notes[0] == "questions whose sentence 'train' has, too: 6 of 'valid'"
    assert qaset.notes[1].startswith("23 of 24 images are not there")


def test_packed_files_and_those_without_labels_are_read(tmp_path: Path) -> None:
    file = write(tmp_path, "test", example("1-0", None), example("1-1", None))
    file.with_name("test.json.gz").write_bytes(gzip.compress(b"\n" + file.read_bytes()))
    file.unlink()
    assert [q.answers for q in read_nlvr(tmp_path)] == [()] * 12


@pytest.mark.parametrize(("splits", "warned"), [(["train"], True), (["train", "dev"], False)])
def test_training_alone_would_part_the_orders(
    tmp_path: Path, splits: list[str], warned: bool
) -> None:
    for split in splits:
        write(tmp_path, split, example("1-0"))
    assert ("six orders" in str(read_nlvr(tmp_path).notes)) == warned


refuse = refused_by(read_nlvr)


def test_files_that_are_not_right_are_refused(tmp_path: Path) -> None:
    refuse(tmp_path, r"no question file named like train\.json\[\.gz\]")
    write(tmp_path, "train")
    refuse(tmp_path, r"train\.json: there is no question")
    write(tmp_path, "train", example("1-0"), example("1-1", sentence=3))
    refuse(tmp_path, r"train\.json: lines\[2\]\.sentence: expected 'str'")
    write(tmp_path, "train", example("1-0"), example("1-1", "maybe"))
    refuse(tmp_path, r"train\.json: lines\[2\]\.label: .*'maybe'")
    write(tmp_path, "train", example("1-0"), example("1-1", None), example("1-2", None))
    refuse(tmp_path, r"train\.json: lines\[2\]: no answer, though others .*; 2 such cases")
    write(tmp_path, "train", example("1-0"), example("1-0"))
    refuse(tmp_path, r"train\.json: lines\[2\]: the id train-1-0-0 is taken already")
    write(tmp_path, "train").write_text('{"sentence": "a"')
    refuse(tmp_path, r"train\.json: lines\[1\]: .*truncated")
    write(tmp_path, "train").write_bytes(b'{"sentence": "\xff", "identifier": "1-0"}')
    refuse(tmp_path, "not UTF-8")


def test_two_photographs_at_once_are_refused(tmp_path: Path) -> None:
    write(
        tmp_path, "dev", example("dev-850-0-0", "True", left_url="http://a", right_url="http://b")
    )
    refuse(tmp_path, r"dev\.json: this is NLVR2, .* two photographs at once")
