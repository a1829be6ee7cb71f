"""The split that a results file answers is found, and what does not fit is named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from askattend.data.questions import QuestionId
from askattend.data.readers.registry import read_source
from askattend.data.splits import training_splits
from askattend.errors import DataError
from askattend.metrics.scored_answer import ScoredAnswer
from askattend.scoring.split_answers import SplitAnswers, read_split_answers, written_otherwise
from scoring.cases import save_daquar, save_results, save_table, table_rows
from small_questions import make_qaset, make_question


def read(folder: Path, source: str, ids: Any, split: str | None = None) -> SplitAnswers:
    """Answers "yes" to the questions of some ids."""
    file = save_results(folder, dict.fromkeys(ids, "yes"))
    return read_split_answers(file, read_source(source), split=split)


def refusal(folder: Path, source: str, ids: Any, split: str | None = None) -> str:
    with pytest.raises(DataError) as raised:
        read(folder, source, ids, split)
    return str(raised.value)


def test_split_is_the_one_answered(tmp_path: Path) -> None:
    source = save_table(tmp_path, table_rows(*["train"] * 3, *["test"] * 2, "mine"))
    for split, ids in {"train": range(3), "test": range(3, 5), "mine": [5]}.items():
        assert read(tmp_path, source, ids).split == split
    assert "train (3), test (2), mine (1)" in refusal(tmp_path, source, range(6))
    assert len(read(tmp_path, source, range(6), "testing").questions) == 2
    assert "no question in split 'tset'" in refusal(tmp_path, source, range(6), "tset")
    message = refusal(tmp_path, source, [3])
    assert "1 question has no answer: 4 (1 id of the file (3), 2 of these" in message
    assert "(3 to 4), 1 in both). Give exactly one" in message
    assert "each question of split 'test'; for another add --split NAME." in message
    assert "not of split 'mine': $[0] has 3" in refusal(tmp_path, source, [3], "mine")
    assert "as numbers, like the source" in refusal(tmp_path, source, ["3", "4"])


def test_answers_to_other_splits_are_noted_if_whole(tmp_path: Path) -> None:
    source = save_table(tmp_path, table_rows(*["train"] * 3, *["test"] * 2, *["mine"] * 5))
    found = read(tmp_path, source, range(5), "train")
    assert found.notes == ("passed over answers to other questions: test (2)",)
    assert len(found.questions) == 3
    assert refusal(tmp_path, source, [*range(4), 9], "train") == (
        f"{tmp_path / 'results.json'}: it answers only some questions of another split: "
        "1 of 2 of 'test', not 4; 1 of 5 of 'mine', not 5, 6, 7, …. Answer all of them or none."
    )
    assert read(tmp_path, source, range(3), "train").notes == ()


def vqa(folder: Path) -> str:
    """Twenty training questions of VQA, of which eight are published as a subset, too."""
    questions = [{"question_id": n, "image_id": n, "question": "?"} for n in range(20)]
    answers = [{"question_id": n, "answers": [{"answer": "yes"}] * 10} for n in range(20)]
    name = "v2_OpenEnded_mscoco_{}_questions.json"
    for split, some in (("val2014", questions), ("minival2014", questions[6:14])):
        (folder / name.format(split)).write_text(json.dumps({"questions": some}))
    file = folder / "v2_mscoco_val2014_annotations.json"
    file.write_text(json.dumps({"annotations": answers}))
    return f"vqa:{folder}"


def test_a_subset_is_recognised(tmp_path: Path) -> None:
    source = vqa(tmp_path)
    for ids, split in ((range(6, 14), "minival"), (range(20), "valid")):
        found = read(tmp_path, source, ids)
        assert (found.split, len(found.questions), found.notes) == (split, len(ids), ())
    found = read(tmp_path, source, range(20), "minival")
    assert (len(found.questions), len(found.notes)) == (8, 1)
    for ids, split in ((range(7, 14), "minival"), (range(5, 14), "valid")):
        message = refusal(tmp_path, source, ids)
        assert f"each question of split '{split}'; for another" in message


def test_what_training_held_back(tmp_path: Path) -> None:
    rows = table_rows(*["train"] * 60)
    for row in rows:
        del row["split"]
    source = save_table(tmp_path, rows)
    held = [question.id for question in training_splits(read_source(source)).valid]
    assert len(read(tmp_path, source, held, "val").questions) == len(held) < 60


def test_ids_that_fit_no_split(tmp_path: Path) -> None:
    source = save_table(tmp_path, table_rows(*["test"] * 3))
    message = refusal(tmp_path, source, ["x1", "x2"])
    sides = f"2 ids of the file ('x1', 'x2'), 3 of {source} (0 to 2), 0 in both"
    assert f"it answers no question of the source in any split: {sides}. " in message
    assert "question ids are text, the source's are numbers. Write" in message
    message = refusal(tmp_path, source, [7])
    assert message.endswith("Use the source's ids, or name the --data that it answers.")


@pytest.fixture
def daquar(tmp_path: Path) -> str:
    """Ten questions a split on five images, every third with an answer of several things."""
    triples = [
        (f"what {n}", "book, lamp" if n % 3 == 0 else "bed", f"image{n % 5}") for n in range(20)
    ]
    return save_daquar(tmp_path, train=triples[:10], test=triples[10:])


PROTOCOLS = ("", ",answers=single", ",split=random", ",answers=single,split=random")


@pytest.mark.parametrize("named", PROTOCOLS)
@pytest.mark.parametrize("own", PROTOCOLS)
def test_answers_by_another_protocol(tmp_path: Path, daquar: str, named: str, own: str) -> None:
    theirs, ours = (
        {q.id for q in read_source(f"{daquar}{protocol}").split("test")}
        for protocol in (own, named)
    )
    if theirs == ours:
        assert len(read(tmp_path, f"{daquar}{named}", theirs).questions) == len(ours)
        return
    message = refusal(tmp_path, f"{daquar}{named}", theirs)
    assert message.endswith(f"They are the questions of another protocol: --data {daquar}{own}.")
    of_named = read_source(f"{daquar}{named}")
    splits = {question.split for question in of_named if question.id in theirs}
    if len(splits) == 1:  # else it is of several splits to the one protocol, and that is said
        wanted = {question.id for question in of_named.split(*splits)}
        sides = f"{len(theirs)} ids of the file ({min(theirs)} to {max(theirs)}), {len(wanted)} of"
        assert f"({sides}" in message
        assert f", {len(theirs & wanted)} in both)" in message


def test_answers_to_some_questions_are_of_no_protocol(tmp_path: Path, daquar: str) -> None:
    message = refusal(tmp_path, daquar, range(10, 19))
    assert "(9 ids of the file (10 to 18), 10 of these questions of daquar:" in message
    assert message.endswith(
        "(10 to 19), 9 in both). Give exactly one answer to each question of "
        "split 'test'; for another add --split NAME."
    )


def test_an_answer_that_is_there_twice_is_no_other_question(tmp_path: Path, daquar: str) -> None:
    file = tmp_path / "twice.json"
    entries = [{"question_id": n, "answer": "bed"} for n in [*range(10, 20), 10]]
    file.write_text(json.dumps(entries))
    with pytest.raises(DataError, match=r"occurs more than once: .* after") as raised:
        read_split_answers(file, read_source(daquar))
    assert "in both" not in str(raised.value)


def test_answers_that_are_wrong_for_how_they_are_written() -> None:
    truths = ["garbage_bin", "1.5", "red", "t-shirt", "bed"]
    given = ["Garbage bin", "1,5", "red", "t  shirt", "lamp"]
    questions = make_qaset(*(make_question("?", (t, 1), id=n) for n, t in enumerate(truths)))
    answers: dict[QuestionId, str] = dict(enumerate(given))
    scored = SplitAnswers(questions, answers, "test").scored()
    assert written_otherwise(scored) == (
        "3 answers are wrong for spaces, dashes or commas alone: 'Garbage bin' for 'garbage_bin', "
        "'1,5' for '1.5', 't  shirt' for 't-shirt'",
    )
    assert written_otherwise(scored[2:3]) == ()


def test_questions_without_human_answers_are_not_scored() -> None:
    questions = make_qaset(make_question("?", ("yes", 1), id="a"), make_question(id="b"))
    answers: dict[QuestionId, str] = {"a": "yes", "b": "yes"}
    assert SplitAnswers(questions, answers, "test").scored() == [
        ScoredAnswer("a", "yes", score=1.0, image="i", question="?", references=(("yes", 1),))
    ]
