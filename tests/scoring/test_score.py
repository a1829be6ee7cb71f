"""The scores of a results file, held to what the official evaluator gave."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from askattend.data.questions import QuestionId
from askattend.data.readers.registry import read_source
from askattend.errors import ConfigError, DataError
from askattend.metrics.wordnet import WordNet
from askattend.scoring.score import score, score_file
from askattend.scoring.split_answers import SplitAnswers, read_split_answers
from scoring.cases import save_results, save_table
from small_questions import make_qaset, make_question


@pytest.fixture(scope="module")
def official(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path, Any]:
    """The golden questions as a source, the golden results, and what the evaluator gave."""
    folder = tmp_path_factory.mktemp("official")
    content = json.loads(gzip.decompress((shared / "golden" / "vqa_accuracy.json.gz").read_bytes()))
    rows = [
        {
            "id": each["question_id"],
            "image": f"{each['image_id']}.jpg",
            "question": "?",
            "answers": [answer["answer"] for answer in each["answers"]],
            "answer_type": each["answer_type"],
            "question_type": each["question_type"],
            "split": "valid",
        }
        for each in content["annotations"]
        if all(answer["answer"].strip() for answer in each["answers"])
    ]
    assert len(rows) > 2900
    ids = {row["id"] for row in rows}
    answers = {one["question_id"]: one["answer"] for one in content["results"]}
    results = save_results(folder, {name: answers[name] for name in answers if name in ids})
    return save_table(folder, rows), results, content["expected"]


@pytest.mark.parametrize("dialect", ["current", "pre2021"])
def test_the_official_figures(official: tuple[str, Path, Any], dialect: str) -> None:
    source, results, expected = official
    scores = score_file(results, data=source, dialect=dialect)
    assert (scores.metric, scores.dialect) == (f"VQA accuracy, {dialect}", dialect)
    assert scores.split == "valid"
    figures = {q["question_id"]: q["accuracy"] for q in expected[dialect]["per_question"]}
    each = {one["question_id"]: one["score"] for one in scores.as_json()["per_question"]}
    assert {name: round(100 * score, 2) for name, score in each.items()} == {
        name: figures[name] for name in each
    }
    assert scores.accuracy == pytest.approx(sum(each.values()) / len(each))
    assert scores.questions == len(each)
    official_types = expected[dialect]["accuracy"]["perAnswerType"]
    assert scores.by_answer_type.keys() == official_types.keys()
    for name, group in scores.by_answer_type.items():
        assert 100 * group.accuracy == pytest.approx(official_types[name], abs=0.5)
    assert sum(group.questions for group in scores.by_question_type.values()) == len(each)
    assert scores.wups is None


def test_scoring_twice_gives_the_same(official: tuple[str, Path, Any]) -> None:
    source, results, _ = official
    answers = read_split_answers(results, read_source(source))
    once, again = (score(answers, file=results) for _ in range(2))
    assert once == again
    assert once.interval[0] < once.accuracy < once.interval[1]


def test_questions_without_answers_cannot_be_scored(tmp_path: Path) -> None:
    source = save_table(tmp_path, [{"id": 1, "image": "1.jpg", "question": "?", "split": "test"}])
    with pytest.raises(DataError, match="'test' have no answers to score against"):
        score_file(save_results(tmp_path, {1: "yes"}), data=source)


def test_an_unknown_dialect(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="Did you mean 'current'"):
        score_file(tmp_path / "none.json", data="easy-vqa", dialect="curent")


def test_wups_needs_one_answer_a_question(tmp_path: Path) -> None:
    row = {"id": 1, "image": "1.jpg", "question": "?", "answers": ["a", "b"], "split": "test"}
    source, file = save_table(tmp_path, [row]), save_results(tmp_path, {1: "a"})
    with pytest.raises(DataError, match="question 1: has 2 different human answers"):
        score_file(file, data=source, wups=True)


@pytest.mark.parametrize("write", [str.upper, str.title, lambda text: f"  {text}\n"])
def test_wups_and_sets_are_as_lenient_as_exact_match(
    tmp_path: Path, wordnet: WordNet, write: Callable[[str], str]
) -> None:
    answers = ["book, lamp", "cofee_table", "2", "Garbage_Bin", "qqqq,  chair"]
    rows = [
        {"id": n, "image": "1.jpg", "question": "?", "answer": a} for n, a in enumerate(answers)
    ]
    source = save_table(tmp_path, [{**row, "split": "test"} for row in rows])
    file = save_results(tmp_path, {n: write(answer) for n, answer in enumerate(answers)})
    scores = score_file(file, data=source, wups=True)
    assert (scores.accuracy, scores.wups) == (1, {"0.9": 1, "0.0": 1, "exact": 1})


SPELT = st.lists(st.sampled_from(["Lamp", "lamp", " book", "BOOK", "x"]), min_size=1, max_size=3)


@given(st.lists(st.tuples(SPELT.map(",".join), SPELT.map(", ".join)), min_size=1, max_size=8))
def test_what_matches_exactly_matches_as_a_set(
    wordnet: WordNet, pairs: list[tuple[str, str]]
) -> None:
    questions = [make_question("?", (truth, 1), id=n) for n, (truth, _) in enumerate(pairs)]
    answers: dict[QuestionId, str] = {n: answer for n, (_, answer) in enumerate(pairs)}
    answered = SplitAnswers(make_qaset(*questions), answers, "test")
    scores = score(answered, file=Path("results.json"), wups=True)
    assert scores.wups is not None
    assert scores.wups["exact"] >= scores.accuracy
    assert 1 >= scores.wups["0.0"] >= scores.wups["0.9"] >= scores.wups["exact"]
