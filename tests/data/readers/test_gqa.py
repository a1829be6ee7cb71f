"""GQA's official files: questions, scene graphs, and what can be wrong with them."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from askattend.data.readers.gqa import read_gqa
from askattend.data.readers.registry import read_source
from askattend.errors import DataError
from data.readers.reader_cases import refused_by, save

# As the published files have it, but for the words.
QUESTION: dict[str, Any] = {
    "semantic": [
        {"operation": "select", "dependencies": [], "argument": "table (1)"},
        {"operation": "relate", "dependencies": [0], "argument": "cup,on,s (2)"},
        {"operation": "exist", "dependencies": [1], "argument": "?"},
    ],
    "entailed": ["00000012"],
    "equivalent": ["00000011"],
    "question": "Are there cups on the table?",
    "imageId": "n161313",
    "isBalanced": True,
    "groups": {"global": None, "local": "13-table_cup"},
    "answer": "yes",
    "semanticStr": "select: table (1)->relate: cup,on,s (2) [0]->exist: ? [1]",
    "annotations": {
        "answer": {},
        "question": {"2": "2", "5": "1"},
        "fullAnswer": {"4": "2", "7:9": "1"},
    },
    "types": {"detailed": "existRelS", "semantic": "rel", "structural": "verify"},
    "fullAnswer": "Yes, there is a cup on the table.",
}
GRAPH = {
    "width": 200,
    "height": 100,
    "location": "kitchen",
    "objects": {
        "1": {
            "name": "table",
            "x": 0,
            "y": 50,
            "w": 200,
            "h": 50,
            "attributes": [],
            "relations": [],
        },
        "2": {"name": "cup", "x": 50, "y": 25, "w": 10, "h": 25, "attributes": [], "relations": []},
    },
}


def test_a_question_is_read_with_its_types(tmp_path: Path) -> None:
    save(tmp_path / "questions/train_balanced_questions.json", {"00000011": QUESTION})
    qaset = read_source(f"gqa:{tmp_path}")
    [q] = qaset
    assert (q.id, q.image, q.split) == ("00000011", "n161313", "train")
    assert (q.text, q.answers) == ("Are there cups on the table?", (("yes", 1),))
    assert (q.question_type, q.answer_type, q.boxes, q.meaning) == ("verify", "rel", (), None)
    assert qaset.images == {"n161313": tmp_path / "images/n161313.jpg"}
    assert qaset.notes[0].startswith("1 of 1 images are not there")


def test_scene_graphs_tell_where_objects_are(tmp_path: Path) -> None:
    save(tmp_path / "val_balanced_questions.json.gz", {"00000011": QUESTION})
    save(tmp_path / "sceneGraphs/val_sceneGraphs.json", {"n161313": GRAPH})
    [q] = read_gqa(tmp_path)
    assert q.split == "valid"
    assert q.boxes == ((0.25, 0.25, 0.3, 0.5), (0.0, 0.5, 1.0, 1.0))  # cup, table: each once


@given(
    width=st.integers(1, 5000),
    height=st.integers(1, 5000),
    place=st.tuples(*[st.integers(-100, 6000)] * 4),
)
def test_boxes_are_shares_of_the_picture(
    width: int, height: int, place: tuple[int, int, int, int]
) -> None:
    x, y, w, h = place
    thing = {"name": "cup", "x": x, "y": y, "w": w, "h": h}
    graph = {"width": width, "height": height, "objects": {"2": thing}}
    with TemporaryDirectory() as name:
        folder = save(Path(name, "val_balanced_questions.json"), {"11": QUESTION})
        save(folder / "val_sceneGraphs.json", {"n161313": graph})
        [q] = read_gqa(folder)
    inside = [min(max(v, 0), 1) for v in (x / width, y / height, (x + w) / width, (y + h) / height)]
    assert q.boxes == (tuple(inside),)


def test_equivalent_questions_share_their_meaning(tmp_path: Path) -> None:
    groups = {"3": ["3", "7"], "7": ["7", "3"], "5": ["5"]}
    questions = {name: QUESTION | {"equivalent": same} for name, same in groups.items()}
    save(tmp_path / "train_all_questions.json", questions)
    assert [(q.id, q.meaning) for q in read_gqa(tmp_path)] == [("3", "3"), ("7", "3"), ("5", None)]


def test_splits_come_in_their_order_and_test_has_no_answers(tmp_path: Path) -> None:
    for number, split in enumerate(("challenge", "testdev", "test", "train", "val")):
        question = {"question": "What?", "imageId": f"{number}", "isBalanced": True}
        answered = {} if split in ("challenge", "test") else {"answer": "this"}
        save(tmp_path / f"{split}_balanced_questions.json", {f"{number}": question | answered})
    qaset = read_gqa(tmp_path)
    assert list(qaset.splits) == ["train", "valid", "testdev", "test", "challenge"]
    assert [len(q.answers) for q in qaset] == [1, 1, 1, 0, 0]


def test_balanced_questions_are_preferred_and_all_can_be_chosen(tmp_path: Path) -> None:
    save(tmp_path / "train_balanced_questions.json", {"1": QUESTION})
    for part in (0, 1):
        file = tmp_path / f"train_all_questions/train_all_questions_{part}.json"
        save(file, {f"{part}{n}": QUESTION for n in range(3)})
    few, many = read_source(f"gqa:{tmp_path}"), read_source(f"gqa-all:{tmp_path}")
    assert (few.splits, many.splits) == ({"train": 1}, {"train": 6})
    assert few.notes[0].startswith("read the balanced questions of 'train'; for all write gqa-all:")
    assert many.source == f"gqa-all:{tmp_path}"


refuse = refused_by(read_gqa)


def test_a_folder_without_questions_lists_what_is_there(tmp_path: Path) -> None:
    refuse(tmp_path, r"train_balanced_questions\.json\[\.gz\], here .* of JSON files it has none\.")
    save(tmp_path / "questions.json", {})
    refuse(tmp_path, r"it has questions\.json\.")
    with pytest.raises(DataError, match=r"named like train_all_questions\.json"):
        read_gqa(tmp_path, size="all")


def test_wrong_questions_are_counted_by_path(tmp_path: Path) -> None:
    wrong = {key: value for key, value in QUESTION.items() if key != "imageId"}
    save(tmp_path / "val_all_questions.json", {"0": QUESTION, "1": wrong, "2": wrong})
    refuse(
        tmp_path,
        r"val_all_questions\.json: \$\['1'\]: object missing required field 'imageId'; 2 such "
        r"cases, also \$\['2'\] .*\. The official format has question, imageId there",
    )


def test_wrong_scene_graphs_are_named_by_path(tmp_path: Path) -> None:
    save(tmp_path / "val_all_questions.json", {"0": QUESTION})
    save(tmp_path / "val_sceneGraphs.json", {"7": GRAPH | {"objects": {"1": {"x": "0"}}}})
    refuse(tmp_path, r"val_sceneGraphs\.json: \$\['7'\]\.objects\[\.\.\.\]\.x: expected 'float'")


def test_ids_in_two_files_are_refused(tmp_path: Path) -> None:
    save(tmp_path / "train_all_questions_0.json", {"1": QUESTION})
    save(tmp_path / "val_all_questions.json", {"1": QUESTION})
    refuse(
        tmp_path, r"val_all_questions\.json: \$\['1'\]: the id is taken by a question of 'train'"
    )


def test_an_id_twice_in_one_file_is_refused(tmp_path: Path) -> None:
    record = json.dumps(QUESTION)
    keys = ("1", "2", "1", "3", "2", "1")
    file = tmp_path / "val_all_questions.json"
    file.write_text("{" + ", ".join(f'"{key}": {record}' for key in keys) + "}")
    refuse(
        tmp_path,
        r"val_all_questions\.json: \$\['1'\]: the id is there more than once; 3 such cases, also "
        r"\$\['2'\] .*, \$\['1'\]",
    )
    save(file, {"1": QUESTION})
    graph = json.dumps(GRAPH)
    (tmp_path / "val_sceneGraphs.json").write_text(f'{{"7": {graph}, "7": {graph}}}')
    refuse(tmp_path, r"val_sceneGraphs\.json: \$\['7'\]: the id is there more than once")


def test_what_is_null_is_as_if_it_were_not_there(tmp_path: Path) -> None:
    nothing = dict.fromkeys(("types", "annotations", "equivalent", "answer"))
    save(tmp_path / "test_all_questions.json", {"1": QUESTION | nothing})
    empty = dict.fromkeys(("question", "answer", "fullAnswer"))
    save(tmp_path / "val_all_questions.json", {"2": QUESTION | {"annotations": empty}})
    save(tmp_path / "val_sceneGraphs.json", {"n161313": GRAPH})
    located, unknown = read_gqa(tmp_path)
    assert (unknown.answers, unknown.question_type, unknown.meaning) == ((), None, None)
    assert located.boxes == unknown.boxes == ()


@pytest.mark.parametrize("absent", [None, ""])
def test_a_file_answered_in_part_is_refused(tmp_path: Path, absent: str | None) -> None:
    without = QUESTION | {"answer": absent}
    questions = {str(n): without if n % 2 else QUESTION for n in range(9)}
    save(tmp_path / "val_all_questions.json", questions)
    refuse(
        tmp_path,
        r"val_all_questions\.json: \$\['1'\]: no answer, though others of the file have one; 4 "
        r"such cases, also \$\['3'\] .*, \$\['5'\] .*, …\. Fetch the file again",
    )


def test_a_file_without_questions_is_refused(tmp_path: Path) -> None:
    save(tmp_path / "val_all_questions.json", {})
    refuse(tmp_path, r"val_all_questions\.json: \$: there is no question")


def test_truncated_files_are_told(tmp_path: Path) -> None:
    file = tmp_path / "val_all_questions.json"
    save(file, {"1": QUESTION})
    file.write_bytes(file.read_bytes()[:-9])
    refuse(tmp_path, "the JSON is truncated")
