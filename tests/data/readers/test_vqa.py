"""VQA's official files: every name and place, what is matched by id, and what can be wrong."""

from __future__ import annotations

import gzip
import json
import random
import re
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from askattend.data.questions import QASet
from askattend.data.readers.registry import read_source
from askattend.data.readers.vqa import read_vqa
from askattend.errors import DataError
from data.readers.reader_cases import refused_by, save

Record = dict[str, Any]
OPEN = "v2_OpenEnded_mscoco_{}_questions.json"
ANNOTATED = "v2_mscoco_{}_annotations.json"


def question(identifier: int, image: int, **more: Any) -> Record:
    return {"question_id": identifier, "image_id": image, "question": f"what is {image}?", **more}


def annotation(identifier: int, image: int, *answers: str, **more: Any) -> Record:
    return {
        "question_id": identifier,
        "image_id": image,
        "question_type": "what is",
        "answer_type": "other",
        "multiple_choice_answer": answers[0] if answers else "",
        "answers": [
            {"answer": answer, "answer_confidence": "yes", "answer_id": number}
            for number, answer in enumerate(answers, start=1)
        ],
        **more,
    }


def ask(folder: Path, name: str, *records: Record, pattern: str = OPEN, subtype: str = "") -> None:
    content = {
        "info": {"version": "2.0"},
        "task_type": "Open-Ended",
        "data_type": "mscoco",
        "data_subtype": subtype or name,
        "license": {"name": "CC BY 4.0"},
        "questions": list(records),
    }
    save(folder / pattern.format(name), content)


def annotate(folder: Path, name: str, *records: Record, pattern: str = ANNOTATED) -> None:
    save(folder / pattern.format(name), {"data_subtype": name, "annotations": list(records)})


def tiny(folder: Path, name: str = "train2014", first: int = 1) -> Path:
    """Two questions about one image."""
    ask(folder, name, question(first, 7), question(first + 1, 7))
    annotate(folder, name, annotation(first, 7, "a"), annotation(first + 1, 7, "b"))
    return folder


# --- what it reads ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def real(shared: Path) -> QASet:
    return read_source(f"vqa:{shared / 'data/vqa2-qa'}")


def test_it_reads_a_real_subset(real: QASet, shared: Path) -> None:
    qaset, folder = real, shared / "data/vqa2-qa"
    assert qaset.splits == {"train": 47_969, "valid": 8_962, "test": 2_955}
    assert qaset.source == f"vqa:{folder}"
    by_id = {q.id: q for q in qaset}
    for split in ("train", "valid", "test"):
        asked, annotated = (
            json.loads(gzip.decompress((folder / name.format(split)).read_bytes()))[key]
            for name, key in ((OPEN + ".gz", "questions"), (ANNOTATED + ".gz", "annotations"))
        )
        answers = {a["question_id"]: a for a in annotated}
        for record in asked[::50]:
            read, a = by_id[record["question_id"]], answers[record["question_id"]]
            assert (read.text, read.image) == (record["question"], str(record["image_id"]))
            assert read.split == split
            assert dict(read.answers) == Counter(given["answer"] for given in a["answers"])
            assert (read.question_type, read.answer_type) == (a["question_type"], a["answer_type"])


def test_images_that_splits_share_are_counted(real: QASet) -> None:
    images = {name: {q.image for q in real if q.split == name} for name in real.splits}
    expected = ", ".join(
        f"{len(images[a] & images[b]):,} of '{a}' and '{b}'"
        for a, b in (("train", "valid"), ("train", "test"), ("valid", "test"))
    )
    assert f"splits share images: {expected}" in real.notes
    # The subset's own files are called train, valid and test; its pictures are all of train2014.
    assert real.images["228478"].name == "COCO_train2014_000000228478.jpg"


answer_lists = st.lists(st.sampled_from(["yes", "no", "Zürich", "2", "a b"]), min_size=1)


@given(
    rows=st.dictionaries(
        st.integers(0, 2**40), st.tuples(st.integers(0, 99), answer_lists), min_size=1
    ),
    suffix=st.sampled_from(["", ".gz"]),
    seed=st.integers(0, 99),
)
def test_questions_and_annotations_meet_by_id(
    rows: dict[int, tuple[int, list[str]]], suffix: str, seed: int
) -> None:
    annotated = [annotation(i, image, *answers) for i, (image, answers) in rows.items()]
    random.Random(seed).shuffle(annotated)
    with TemporaryDirectory() as name:
        folder = Path(name)
        asked = [question(i, image) for i, (image, _) in rows.items()]
        ask(folder, "val2014", *asked, pattern=OPEN + suffix)
        annotate(folder, "val2014", *annotated, pattern=ANNOTATED + suffix)
        qaset = read_vqa(folder)
    assert [q.id for q in qaset] == list(rows)  # in the order of the questions file
    for q in qaset:
        image, answers = rows[int(q.id)]
        assert (q.image, q.text, q.split) == (str(image), f"what is {image}?", "valid")
        assert list(q.answers) == Counter(answers).most_common()
    assert set(qaset.images) == {str(image) for image, _ in rows.values()}


@pytest.mark.parametrize(
    ("asked", "annotated", "image"),
    [
        (
            "Questions/v2_OpenEnded_mscoco_train2014_questions.json",
            "Annotations/v2_mscoco_train2014_annotations.json",
            "COCO_train2014_000000000007.jpg",
        ),
        (
            "OpenEnded_mscoco_train2014_questions.json.gz",
            "mscoco_train2014_annotations.json",
            "COCO_train2014_000000000007.jpg",
        ),
        (
            "MultipleChoice_mscoco_train2014_questions.json",
            "a/b/mscoco_train2014_annotations.json.gz",
            "COCO_train2014_000000000007.jpg",
        ),
        (
            "OpenEnded_abstract_v002_train2015_questions.json",
            "abstract_v002_train2015_annotations.json",
            "abstract_v002_train2015_000000000007.png",
        ),
    ],
)
def test_official_names_are_found_wherever_they_lie(
    tmp_path: Path, asked: str, annotated: str, image: str
) -> None:
    name = "train2015" if "2015" in asked else "train2014"
    ask(tmp_path, name, question(70, 7), pattern=asked)
    annotate(tmp_path, name, annotation(70, 7, "yes"), pattern=annotated)
    qaset = read_vqa(tmp_path)
    assert qaset.splits == {"train": 1}
    assert qaset.questions[0].answers == (("yes", 1),)
    assert qaset.images == {"7": tmp_path / "images" / image}


@pytest.mark.parametrize("place", [".", "images", "Images/train2014", "train2014"])
@pytest.mark.parametrize("name", ["COCO_train2014_000000000007.jpg", "000000000007.jpg"])
def test_images_are_found_wherever_they_lie(tmp_path: Path, place: str, name: str) -> None:
    file = tiny(tmp_path) / place / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch()
    qaset = read_vqa(tmp_path)
    assert qaset.images == {"7": file}
    assert qaset.notes == ()


def test_missing_images_are_noted(tmp_path: Path) -> None:
    expected = tmp_path / "images/COCO_train2014_000000000007.jpg"
    qaset = read_vqa(tiny(tmp_path))
    assert qaset.images == {"7": expected}
    assert qaset.notes == (f"1 of 1 images are not there, such as {expected}",)


def test_splits_come_in_their_order_and_test_needs_no_annotations(tmp_path: Path) -> None:
    ask(tmp_path, "test2015", question(90, 9))
    tiny(tmp_path, "val2014", first=10)
    tiny(tmp_path, "train2014", first=20)
    ask(tmp_path, "test-dev2015", question(95, 9))
    qaset = read_vqa(tmp_path)
    assert list(qaset.splits) == ["train", "valid", "test", "test-dev"]
    assert qaset.split("test").questions[0].answers == ()
    assert qaset.images["9"].name == "COCO_test2015_000000000009.jpg"
    assert not [note for note in qaset.notes if "annotations" in note]


def test_test_dev_is_a_part_of_test(tmp_path: Path) -> None:
    everything = [question(number, number) for number in (1, 2, 3)]
    ask(tmp_path, "test2015", *everything)
    ask(tmp_path, "test-dev2015", everything[2], everything[0])
    qaset = read_vqa(tmp_path)
    assert qaset.splits == {"test": 3}
    assert [q.id for q in qaset.split("test")] == [1, 2, 3]
    part = qaset.split("test-dev")
    assert [q.id for q in part] == [1, 3]
    assert set(part.images) == {"1", "3"}
    assert "'test-dev' is a part of other splits: 2 questions" in qaset.notes
    with pytest.raises(DataError, match=r"no question in split 'dev'.*test \(3\), test-dev \(2\)"):
        qaset.split("dev")


def test_test_dev_alone_is_a_split(tmp_path: Path) -> None:
    ask(tmp_path, "test-dev2015", question(3, 3))
    qaset = read_vqa(tmp_path)
    assert (qaset.splits, qaset.subsets) == ({"test-dev": 1}, {})
    assert qaset.images["3"].name == "COCO_test2015_000000000003.jpg"


def test_complementary_pairs_are_kept(tmp_path: Path) -> None:
    tiny(tmp_path, "train2014", first=1)
    tiny(tmp_path, "val2014", first=5)
    save(tmp_path / "v2_mscoco_train2014_complementary_pairs.json", [[1, 2]])
    save(tmp_path / "v2_mscoco_val2014_complementary_pairs.json.gz", [[5, 6], [6, 77]])
    assert read_vqa(tmp_path).pairs == ((1, 2), (5, 6), (6, 77))


def test_rephrasings_share_their_meaning(tmp_path: Path) -> None:
    name = "valrep2014_humans_og"
    ids = ((42, None), (420, 42), (421, 42), (420, None), (99, None))
    asked, annotated = [], []
    for identifier, original in ids:
        more = {} if original is None else {"rephrasing_of": original}
        asked.append(question(identifier, identifier, **more))
        annotated.append(annotation(identifier, identifier, f"{identifier} {original}", **more))
    ask(tmp_path, name, *asked, subtype="val2014")
    annotate(tmp_path, name, *reversed(annotated))
    qaset = read_vqa(tmp_path)
    assert qaset.splits == {name: 5}
    # 420 is a question of its own and, in the published files, a rephrasing's id too.
    assert [(q.id, q.meaning, q.answers[0][0]) for q in qaset] == [
        (42, "42", "42 None"),
        ("420/42", "42", "420 42"),
        (421, "42", "421 42"),
        (420, None, "420 None"),
        (99, None, "99 None"),
    ]
    assert qaset.images["42"].name == "COCO_val2014_000000000042.jpg"


# --- what it chooses between ------------------------------------------------------------------


def two_versions(folder: Path) -> Path:
    for prefix, answer, first in (("v2_", "two", 1), ("", "one", 1)):
        ask(folder, "train2014", question(first, 7), pattern=prefix + OPEN.removeprefix("v2_"))
        annotate(
            folder,
            "train2014",
            annotation(first, 7, answer),
            pattern=prefix + ANNOTATED.removeprefix("v2_"),
        )
    ask(
        folder,
        "train2015",
        question(1, 7),
        pattern="OpenEnded_abstract_v002_{}_questions.json",
    )
    annotate(
        folder,
        "train2015",
        annotation(1, 7, "drawn"),
        pattern="abstract_v002_{}_annotations.json",
    )
    return folder


@pytest.mark.parametrize(
    ("name", "answer"), [("vqa", "two"), ("vqa-v1", "one"), ("vqa-abstract", "drawn")]
)
def test_one_family_is_read_at_a_time(tmp_path: Path, name: str, answer: str) -> None:
    qaset = read_source(f"{name}:{two_versions(tmp_path)}")
    assert [q.answers for q in qaset] == [((answer, 1),)]
    assert qaset.source == f"{name}:{tmp_path}"
    others = [note for note in qaset.notes if "there too" in note]
    assert len(others) == (2 if name == "vqa" else 0)


def test_open_ended_is_preferred(tmp_path: Path) -> None:
    tiny(tmp_path)
    multiple = "v2_MultipleChoice_mscoco_{}_questions.json"
    ask(tmp_path, "train2014", question(1, 9), question(2, 9), pattern=multiple)
    qaset = read_vqa(tmp_path)
    assert set(qaset.images) == {"7"}
    assert qaset.notes[0] == (
        "read v2_OpenEnded_mscoco_train2014_questions.json, "
        "not v2_MultipleChoice_mscoco_train2014_questions.json"
    )


def test_of_a_file_and_its_gzip_the_file_is_read(tmp_path: Path) -> None:
    tiny(tmp_path)
    ask(tmp_path, "train2014", question(1, 9), pattern=OPEN + ".gz")
    qaset = read_vqa(tmp_path)
    assert set(qaset.images) == {"7"}
    assert qaset.notes[0].startswith("read v2_OpenEnded_mscoco_train2014_questions.json, not its")


def test_training_questions_without_annotations_are_noted(tmp_path: Path) -> None:
    ask(tmp_path, "train2014", question(1, 7))
    assert read_vqa(tmp_path).notes[0].startswith("no annotations file for 'train'")


# --- what can be wrong ------------------------------------------------------------------------


refuse = refused_by(read_vqa)


def test_a_folder_without_questions_lists_what_is_there(tmp_path: Path) -> None:
    refuse(tmp_path / "nowhere", "nowhere: no such folder")
    refuse(tmp_path, r"v2_OpenEnded_mscoco_train2014_questions\.json.*of JSON files it has none\.")
    save(tmp_path / "train.json", {})
    refuse(tmp_path, r"of JSON files it has train\.json\.")
    annotate(tmp_path, "train2014", annotation(1, 7, "a"))
    refuse(tmp_path, "no question file named like")
    two_versions(tmp_path / "other")
    (tmp_path / "other" / OPEN.removeprefix("v2_").format("train2014")).unlink()
    with pytest.raises(DataError, match=r"no question file named like OpenEnded_mscoco_train2014"):
        read_vqa(tmp_path, family="v1")


def test_two_files_for_one_split_are_refused(tmp_path: Path) -> None:
    tiny(tmp_path / "a")
    tiny(tmp_path / "b")
    refuse(
        tmp_path,
        rf"^{re.escape(str(tmp_path))}: two files for split 'train': .*/a/.*, .*/b/.*\. Keep only "
        r"the one to use\.",
    )


def test_two_years_of_one_split_are_refused(tmp_path: Path) -> None:
    tiny(tmp_path, "train2014")
    tiny(tmp_path, "train2017", first=5)
    refuse(tmp_path, r"two files for split 'train': .*train2014_q.*train2017_questions\.json\.")


def test_questions_without_annotation_are_counted(tmp_path: Path) -> None:
    ask(tmp_path, "train2014", *(question(number, 7) for number in range(9)))
    annotate(tmp_path, "train2014", annotation(0, 7, "a"), annotation(8, 7, "a"))
    refuse(
        tmp_path,
        r"questions\.json: \$\.questions\[1\]: question 1 has no annotation; 7 such cases, also "
        r"\$\.questions\[2\] \(question 2 has no annotation\), .*, …\. "
        r".*must be of one release: fetch both again",
    )


def test_annotations_without_question_are_named(tmp_path: Path) -> None:
    ask(tmp_path, "train2014", question(1, 7))
    annotate(tmp_path, "train2014", annotation(1, 7, "a"), annotation(4, 7, "a"))
    refuse(tmp_path, r"annotations\.json: \$\.annotations\[1\]: no question 4 is asked\.")


def test_another_image_in_the_annotation_is_refused(tmp_path: Path) -> None:
    ask(tmp_path, "train2014", question(1, 7))
    annotate(tmp_path, "train2014", annotation(1, 8, "a"))
    refuse(tmp_path, r"\$\.questions\[0\]\.image_id: question 1 is of image 7, and of 8 in its")


def test_duplicate_ids_are_refused(tmp_path: Path) -> None:
    ask(tmp_path, "test2015", question(1, 7), question(2, 7), question(1, 8))
    refuse(tmp_path, r"\$\.questions\[2\]: the question id 1 is taken already")


def test_ids_that_splits_share_are_refused(tmp_path: Path) -> None:
    ask(tmp_path, "test2015", question(1, 7), question(2, 7))
    ask(tmp_path, "extra2015", question(2, 7), question(3, 7))
    refuse(
        tmp_path,
        r"extra2015_questions\.json: \$\.questions\[0\]: question 2 is in 'test' too\. Ids must",
    )


@pytest.mark.parametrize(
    ("changed", "answers", "how"),
    [
        ({"image_id": 8}, ["a"], "about image 7 and not 8"),
        ({"question": "Why?"}, ["a"], "in other words"),
        ({}, ["b"], "with another annotation"),
    ],
)
def test_other_questions_of_the_same_ids_are_no_subset(
    tmp_path: Path, changed: Record, answers: list[str], how: str
) -> None:
    ids = range(8)
    ask(tmp_path, "train2014", *(question(n, 7) for n in ids))
    annotate(tmp_path, "train2014", *(annotation(n, 7, "a") for n in ids))
    part = [question(n, 7) | (changed if n > 1 else {}) for n in range(6)]
    ask(tmp_path, "val2014", *part)
    given = {record["question_id"]: answers if n > 1 else ["a"] for n, record in enumerate(part)}
    annotate(
        tmp_path,
        "val2014",
        *(annotation(r["question_id"], r["image_id"], *given[r["question_id"]]) for r in part),
    )
    refuse(
        tmp_path,
        rf"val2014_questions\.json: \$\.questions\[2\]: question 2 is in 'train' too, {how}; "
        r"4 such cases, also \$\.questions\[3\] .*, \$\.questions\[4\] .*, …\. Ids must be unique",
    )


@pytest.mark.parametrize("annotated", [False, True])
def test_the_same_questions_again_are_a_subset(tmp_path: Path, annotated: bool) -> None:
    tiny(tmp_path, "train2014", first=1)
    ask(tmp_path, "minival2014", question(2, 7))
    if annotated:
        annotate(tmp_path, "minival2014", annotation(2, 7, "b"))
    qaset = read_vqa(tmp_path)
    assert (qaset.splits, qaset.subsets) == ({"train": 2}, {"minival": frozenset({2})})
    assert [q.answers for q in qaset.split("minival")] == [(("b", 1),)]


@pytest.mark.parametrize("kind", ["annotations", "complementary_pairs"])
def test_files_without_their_questions_are_refused(tmp_path: Path, kind: str) -> None:
    tiny(tmp_path, "train2014")
    for name in ("val2014", "test2015"):
        save(tmp_path / f"v2_mscoco_{name}_{kind}.json", {})
    refuse(
        tmp_path,
        rf"v2_mscoco_test2015_{kind}\.json: its questions file is not there, such as "
        r"v2_OpenEnded_mscoco_test2015_questions\.json; 2 such cases, also "
        rf"v2_mscoco_val2014_{kind}\.json .*\. Fetch the questions too, or keep",
    )


def test_files_of_another_version_without_questions_are_noted(tmp_path: Path) -> None:
    tiny(tmp_path, "train2014")
    name = "mscoco_train2014_annotations.json"
    save(tmp_path / name, {})
    note = f"left unread, as their questions file is not there: {name}"
    assert read_vqa(tmp_path).notes[0] == note


def test_a_file_without_questions_is_refused(tmp_path: Path) -> None:
    ask(tmp_path, "train2014")
    refuse(tmp_path, r"train2014_questions\.json: \$\.questions: there is no question\. Fetch it")


def test_lacking_answers_are_named(tmp_path: Path) -> None:
    ask(tmp_path, "train2014", question(1, 7), question(2, 7))
    annotate(tmp_path, "train2014", annotation(1, 7, "a"), annotation(2, 7))
    refuse(tmp_path, r"annotations\.json: \$\.annotations\[1\]\.answers: no answers\.")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"answers": "yes"}, r"\$\.annotations\[1\]\.answers: expected 'array', got 'str'"),
        (
            {"answers": [{"answer": 3}]},
            r"\$\.annotations\[1\]\.answers\[0\]\.answer: expected 'str', got 'int'",
        ),
        ({"question_id": "2"}, r"\$\.annotations\[1\]\.question_id: expected 'int', got 'str'"),
    ],
)
def test_wrong_types_are_named_by_path(
    tmp_path: Path, change: dict[str, object], message: str
) -> None:
    ask(tmp_path, "train2014", question(1, 7), question(2, 7))
    wrong = annotation(2, 7, "a") | change
    annotate(tmp_path, "train2014", annotation(1, 7, "a"), wrong)
    refuse(tmp_path, message + r".*\. The official format has question_id, answers there\.")


def test_wrong_records_are_counted(tmp_path: Path) -> None:
    bad = [{"question_id": number, "question": "x"} for number in range(5)]
    ask(tmp_path, "test2015", question(9, 7), *bad)
    refuse(
        tmp_path,
        r"\$\.questions\[1\]: object missing required field 'image_id'; 5 such cases, also "
        r"\$\.questions\[2\] .*, \$\.questions\[3\] .*, …\. The official format has question_id, "
        r"image_id, question there\.",
    )


def test_a_file_of_another_schema_is_refused(tmp_path: Path) -> None:
    save(tmp_path / OPEN.format("train2014"), [1, 2])
    refuse(tmp_path, r"questions\.json: \$: expected 'object', got 'array'\. .* has questions")
    save(tmp_path / OPEN.format("train2014"), {"questions": {}})
    refuse(tmp_path, r"\$\.questions: expected 'array', got 'object'")


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_truncated_json_is_told(tmp_path: Path, share: float) -> None:
    file = tiny(tmp_path) / OPEN.format("train2014")
    file.write_bytes(file.read_bytes()[: int(share * file.stat().st_size)])
    refuse(tmp_path, r"questions\.json: the JSON is truncated\. Fetch it again\.")


def test_malformed_json_is_told(tmp_path: Path) -> None:
    (tmp_path / OPEN.format("train2014")).write_text('{"questions": [1 2]}')
    refuse(tmp_path, r"malformed JSON \(.*byte 17.*\)\. Fetch it again")


def test_half_a_gzip_is_told(tmp_path: Path) -> None:
    file = tmp_path / (OPEN.format("train2014") + ".gz")
    ask(tmp_path, "train2014", question(1, 7), pattern=OPEN + ".gz")
    whole = file.read_bytes()
    file.write_bytes(whole[:-12])
    refuse(tmp_path, r"\.gz: the gzip file is truncated\.")
    file.write_bytes(whole[:12] + b"\xff\xff\xff" + whole[15:])
    refuse(tmp_path, r"\.gz: not a whole gzip file")


def test_text_that_is_not_utf8_is_told(tmp_path: Path) -> None:
    file = tiny(tmp_path) / OPEN.format("train2014")
    file.write_bytes(file.read_bytes().replace(b"what", b"wh\xe4t"))
    refuse(tmp_path, r"\$\.questions\[0\]: not UTF-8; 2 such cases, .*\. Save the file as UTF-8\.")
    file.write_bytes(json.dumps({"questions": []}).encode("utf-16"))
    refuse(tmp_path, r"questions\.json: not UTF-8 at byte 0\. Save the file as UTF-8\.")


def test_gzip_is_told_by_its_first_bytes(tmp_path: Path) -> None:
    file = tiny(tmp_path) / OPEN.format("train2014")
    plain = file.read_bytes()
    file.write_bytes(gzip.compress(plain))
    assert len(read_vqa(tmp_path)) == 2
    file.write_bytes(file.read_bytes()[:-12])
    refuse(tmp_path, r"questions\.json: the gzip file is truncated\.")
    file.with_name(file.name + ".gz").write_bytes(plain)
    file.unlink()
    assert len(read_vqa(tmp_path)) == 2


def test_pairs_of_another_form_are_refused(tmp_path: Path) -> None:
    save(tiny(tmp_path) / "v2_mscoco_train2014_complementary_pairs.json", [[1, 2], [1, 2, 3]])
    refuse(tmp_path, r"pairs\.json: \$\[1\]: expected 'array' of length 2\.")


def test_reading_leaves_the_garbage_collector_as_it_was(tmp_path: Path) -> None:
    import gc

    assert gc.isenabled()
    qaset: QASet = read_vqa(tiny(tmp_path))
    assert gc.isenabled()
    assert len(qaset) == 2
