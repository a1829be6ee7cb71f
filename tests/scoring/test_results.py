"""Results files: one answer a question, and messages that name what is not."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from askattend.data.questions import Question, QuestionId
from askattend.errors import DataError
from askattend.metrics.scored_answer import ScoredAnswer
from askattend.scoring.results import (
    check_results,
    encode_predictions,
    encode_results,
    load_results,
)
from small_questions import make_question


def questions(*ids: QuestionId) -> list[Question]:
    return [make_question(id=one) for one in ids]


def results(*ids: QuestionId) -> list[dict[str, Any]]:
    return [{"question_id": one, "answer": f"answer {one}"} for one in ids]


def write(folder: Path, content: object) -> Path:
    file = folder / "results.json"
    file.write_text(json.dumps(content))
    return file


def test_reading(tmp_path: Path) -> None:
    # What else an entry holds is not read, be it of any type.
    more = {"confidence": 0.5, "score": "high", "image": 17}
    file = write(tmp_path, [{**one, **more} for one in results(3, "b", 1)])
    read = load_results(file)
    assert read == [ScoredAnswer(one, f"answer {one}") for one in (3, "b", 1)]
    check_results(read, questions(1, 3, "b"), where=file)
    packed = tmp_path / "results.json.gz"
    packed.write_bytes(gzip.compress(b"\xef\xbb\xbf" + file.read_bytes()))
    assert load_results(packed) == read


def test_encoding_keeps_the_fields_of_each_file() -> None:
    known = ScoredAnswer("q", "red", 0.5, 1.0, "colour", "what", "1.jpg", wups=0.9)
    more = {"question": "is it?", "references": (("red", 2),), "image_digest": "0a"}
    answers = [replace(known, **more)]
    assert json.loads(encode_results(answers)) == [{"question_id": "q", "answer": "red"}]
    (line,) = json.loads(encode_predictions([*answers]))
    assert list(line.items()) == [
        *(("question_id", "q"), ("answer", "red"), ("probability", 0.5), ("score", 1.0)),
        *(("answer_type", "colour"), ("question_type", "what"), ("image", "1.jpg")),
        *(("question", "is it?"), ("references", [["red", 2]]), ("image_digest", "0a")),
    ]
    (line,) = json.loads(encode_predictions([ScoredAnswer(1, "red")]))
    assert len(line) == 10


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (results(1, 2), "1 question has no answer: 3"),
        (results(1, 2, 3, 4), "1 question id is not of this split: $[3] has 4"),
        (results(1, 2, 3, 2), "1 question id occurs more than once: $[3] has 2 again after $[1]"),
        (results(1, 2, 3, 4, 5), "2 question ids are not of this split: $[3] has 4, $[4] has 5"),
        (results(1, 1, 1, 2, 3), "2 question ids occur more than once: $[1] has 1 again"),
        (results(7, 1, 1), "; "),
        (results("a", 1, 2, 3), "The file's question ids are text, the source's are numbers"),
        ([{"question_id": 1, "text": "a"}], "field `answer`, only has `question_id`, `text`"),
        ([{}], "missing required field `question_id`, has none"),
        ([], "3 questions have no answer: 1, 2, 3"),
        (results("1", "2", "3"), "Write question ids as numbers, like the source"),
        ([*results(1, 2), {"question_id": 3}], "1 entry is not a result: $[2]: "),
        ([*results(1, 2), {"question_id": 3, "answer": 4}], "$[2].answer: Expected `str`"),
        ([*results(1, 2), {"question_id": 3, "answer": None}], "$[2].answer: Expected `str`"),
        ([*results(1, 2), {"question_id": True, "answer": ""}], "$[2].question_id: Expected `"),
        ([*results(1, 2), 3], "$[2]: Expected `object`"),
        ({"results": results(1, 2, 3)}, "Expected `array`, got `object`"),
    ],
)
def test_what_does_not_fit_is_named(tmp_path: Path, content: object, message: str) -> None:
    file = write(tmp_path, content)
    with pytest.raises(DataError, match=re.escape(message)) as raised:
        check_results(load_results(file), questions(1, 2, 3), where=file)
    assert str(raised.value).startswith(f"{file}: ")
    assert raised.value.remedy


def test_many_cases_are_counted_and_the_first_few_named(tmp_path: Path) -> None:
    file = write(tmp_path, [{"question_id": n, "answer": n % 2 or "one"} for n in range(3000)])
    with pytest.raises(DataError) as raised:
        load_results(file)
    assert "1,500 entries" in raised.value.problem
    assert "$[1].answer" in raised.value.problem
    assert "$[5].answer" in raised.value.problem
    assert "$[7]" not in raised.value.problem


def test_text_ids_are_asked_for_where_the_source_has_them() -> None:
    with pytest.raises(DataError, match="as text, in quotes"):
        check_results([ScoredAnswer(1, "yes")], questions("1"), where="here")


@pytest.mark.parametrize("packed", [False, True])
def test_files_cut_short(tmp_path: Path, packed: bool) -> None:
    whole = json.dumps(results(*range(50))).encode()
    file = tmp_path / "results.json"
    file.write_bytes((gzip.compress(whole) if packed else whole)[:-20])
    with pytest.raises(DataError, match="gzip file is truncated" if packed else "cut short"):
        load_results(file)


def test_no_file_and_no_text(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="No such file"):
        load_results(tmp_path / "none.json")
    (tmp_path / "binary.json").write_bytes(b'[{"question_id": 1, "answer": "\xff\xfe"}]')
    with pytest.raises(
        DataError, match=r"binary\.json:1: not UTF-8 at byte 31\. Save the file as UTF-8"
    ):
        load_results(tmp_path / "binary.json")


IDS = st.lists(st.one_of(st.integers(0, 6), st.sampled_from(["1", "x"])), max_size=8)


@given(IDS, IDS.map(lambda ids: list(dict.fromkeys(ids))), st.sets(st.integers(7, 8)))
def test_only_one_answer_each_is_let_through(
    answered: list[QuestionId], wanted: list[QuestionId], elsewhere: set[QuestionId]
) -> None:
    answers = [ScoredAnswer(one, "") for one in [*answered, *elsewhere, *elsewhere]]
    fits = sorted(map(repr, answered)) == sorted(map(repr, wanted))
    if fits:
        check_results(answers, questions(*wanted), elsewhere=elsewhere, where="here")
    else:
        with pytest.raises(DataError, match="here: "):
            check_results(answers, questions(*wanted), elsewhere=elsewhere, where="here")


@pytest.mark.parametrize("key", ["answer", "question_id"])
def test_an_entry_that_says_one_thing_twice_is_refused(tmp_path: Path, key: str) -> None:
    second = {"answer": '"blue"', "question_id": "2"}[key]
    entry = f'{{"question_id": 1, "answer": "red", "{key}" : {second}}}'
    whole = '{"question_id": 3, "answer": "\\"answer\\": what", "more": {"answer": 1}}'
    (tmp_path / "r.json").write_text(f"[{whole}, {entry}]")
    with pytest.raises(DataError, match=rf"1 key is there twice: \$\[1\]\.{key}"):
        load_results(tmp_path / "r.json")
    (tmp_path / "r.json").write_text(f"[{whole}]")
    assert load_results(tmp_path / "r.json")[0].answer == '"answer": what'
