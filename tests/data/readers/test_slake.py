"""SLAKE's official files: two languages, pictures all of one name, and what can be wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from askattend.data.readers.registry import absolute_source, images_source, read_source
from askattend.data.readers.slake import read_slake
from askattend.errors import DataError
from data.readers.reader_cases import refused_by, save


def question(qid: int, image: int = 0, language: str = "en", **other: Any) -> dict[str, Any]:
    """As the published files have it."""
    return {
        **{"img_id": image, "img_name": f"xmlab{image}/source.jpg", "qid": qid},
        **{"question": "What modality is used?", "answer": "MRI", "q_lang": language},
        **{"location": "Abdomen", "modality": "MRI", "answer_type": "OPEN", "base_type": "vqa"},
        **{"content_type": "Modality", "triple": ["vhead", "_", "_"], **other},
    }


def test_a_question_is_read_with_its_types(tmp_path: Path) -> None:
    save(tmp_path / "Slake1.0/train.json", [question(9)])
    [q] = read_slake(tmp_path)
    assert (q.id, q.image, q.split) == ("train/9", "xmlab0/source.jpg", "train")
    assert (q.text, q.answers) == ("What modality is used?", (("MRI", 1),))
    assert (q.question_type, q.answer_type) == ("Modality", "OPEN")


def test_pictures_of_one_name_are_told_by_their_folders(tmp_path: Path) -> None:
    folder = tmp_path / "Slake1.0"
    save(folder / "test.json", [question(0, image) for image in (2,)])
    save(folder / "train.json", [question(n, image) for n, image in enumerate((12, 1, 3))])
    for image in (1, 2, 12):
        picture = folder / f"imgs/xmlab{image}/source.jpg"
        picture.parent.mkdir(parents=True)
        picture.touch()
    qaset = read_slake(tmp_path)
    for image in (1, 2, 12):
        path = folder / f"imgs/xmlab{image}/source.jpg"
        assert qaset.images[f"xmlab{image}/source.jpg"] == path
    assert qaset.images["xmlab3/source.jpg"] == tmp_path / "imgs/xmlab3/source.jpg"
    assert [note[:27] for note in qaset.notes] == ["1 of 4 images are not there"]


def test_the_language_is_chosen_and_told(tmp_path: Path) -> None:
    rows = [question(0), question(1, language="zh"), question(2, language="zh")]
    save(tmp_path / "validate.json", rows)
    places = {"": [0], ",language=en": [0], ",language=zh": [1, 2], ",language=all": [0, 1, 2]}
    for options, ids in places.items():
        qaset = read_source(f"slake:{tmp_path}{options}")
        assert [q.id for q in qaset] == [f"valid/{number}" for number in ids]
        assert read_source(qaset.source).questions == qaset.questions
    told = "read the questions in 'en'; left out 2 in 'zh': add ,language=all for both"
    assert read_slake(tmp_path).notes[0] == told
    assert "left out" not in str(read_slake(tmp_path, language="all").notes)
    # Both languages ask about the same pictures, so their features are the same.
    both = {images_source(f"slake:{tmp_path}{options}") for options in places}
    assert both == {absolute_source(f"slake:{tmp_path}")}
    with pytest.raises(DataError, match="unknown value of language 'fr'"):
        read_source(f"slake:{tmp_path},language=fr")


def test_images_of_two_splits_are_told(tmp_path: Path) -> None:
    save(tmp_path / "train.json", [question(0, 1), question(1, 2)])
    save(tmp_path / "test.json", [question(0, 2), question(1, 3)])
    assert "splits share images: 1 of 'train' and 'test'" in read_slake(tmp_path).notes


@pytest.mark.parametrize("name", ["../../../../etc/passwd", "/etc/passwd", "a/../../passwd", ".."])
def test_no_picture_is_looked_for_outside_the_folder(tmp_path: Path, name: str) -> None:
    save(tmp_path / "train.json", [question(0, img_name=name)])
    [path] = read_slake(tmp_path).images.values()
    assert path.resolve().is_relative_to(tmp_path.resolve())


refuse = refused_by(read_slake)


def test_files_that_are_not_right_are_refused(tmp_path: Path) -> None:
    refuse(tmp_path, r"no question file named like train\.json\[\.gz\]")
    file = tmp_path / "train.json"
    save(file, [])
    refuse(tmp_path, r"train\.json: \$: there is no question")
    save(file, [question(0), question(1, img_name=None)])
    refuse(tmp_path, r"train\.json: \$\[1\]\.img_name: expected 'str'")
    save(file, [question(0, language="zh"), question(1), question(2, answer="")])
    refuse(tmp_path, r"train\.json: \$\[2\]: no answer, though others")
    save(file, [question(0), question(4), question(4)])
    refuse(tmp_path, r"train\.json: \$\[2\]: the id train/4 is taken already")
    save(file, [question(0, language="zh")])
    refuse(tmp_path, r"no question in 'en'.* It has 1 in 'zh': add ,language=zh")
    file.write_text("[{")
    refuse(tmp_path, "the JSON is truncated")


def test_two_files_for_one_split_are_refused(tmp_path: Path) -> None:
    for name in ("validate", "validation"):
        save(tmp_path / f"{name}.json", [question(0)])
    refuse(tmp_path, r"two files for split 'valid': .*validate\.json, .*validation\.json")
