"""Accuracy against leaving annotators out one by one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from askattend.data.text import answer_key
from askattend.errors import DataError
from askattend.metrics.accuracy import accuracy_of, mean_accuracy, metric_name
from askattend.metrics.vqa_official import DIALECTS, normalise_answer
from small_questions import make_question

spelling = st.sampled_from(["red", "Red ", "blue", "light  blue", "light blue", "2"])
references = st.lists(st.tuples(spelling, st.integers(1, 6)), min_size=1, max_size=5)


def leave_one_out(answer: str, annotators: list[str]) -> float:
    """The official evaluator's loop, its 3 lowered where there are fewer others."""
    normalise = str if len(set(annotators)) == 1 and len(annotators) > 3 else normalise_answer
    needed = min(3, len(annotators) - 1)
    scores = []
    for left_out in range(len(annotators)):
        others = annotators[:left_out] + annotators[left_out + 1 :]
        matches = sum(normalise(other) == normalise(answer) for other in others)
        scores.append(min(1.0, matches / needed))
    return sum(scores) / len(scores)


@given(spelling, references)
def test_accuracy_leaves_each_annotator_out_once(answer: str, refs: list[tuple[str, int]]) -> None:
    annotators = [text.strip() for text, count in refs for _ in range(count)]
    if len(annotators) == 1:
        expected = float(answer_key(answer) == answer_key(annotators[0]))
    else:
        expected = leave_one_out(answer.strip(), annotators)
    assert accuracy_of(answer, refs) == pytest.approx(expected)


@given(spelling, st.integers(1, 20))
def test_what_all_say_is_right(answer: str, count: int) -> None:
    assert accuracy_of(answer, [(answer, count)]) == 1
    assert accuracy_of(answer.upper(), [(answer, min(count, 3))]) == 1
    assert accuracy_of("green", [(answer, count)]) == 0


def test_published_values_for_ten_annotators() -> None:
    # VQA's own table: 1, 2, 3 matches of 10 score 0.3, 0.6, 0.9, and 4 or more score 1.
    scores = [accuracy_of("red", [("red", n), ("blue", 10 - n)]) for n in range(1, 5)]
    assert scores == pytest.approx([0.3, 0.6, 0.9, 1.0])


def test_without_references_there_is_no_accuracy() -> None:
    with pytest.raises(DataError, match="no reference answer"):
        accuracy_of("red", [])


def test_the_metric_is_named_by_the_number_of_answers() -> None:
    one, ten = make_question("what", ("red", 1)), make_question("what", ("red", 3), ("blue", 7))
    two = make_question("what", ("red", 1), ("blue", 1))
    assert metric_name([one, make_question("what")]) == "exact match"
    four = make_question("what", ("red", 1), ("blue", 3))
    assert metric_name([four, ten, make_question("what")]) == "VQA accuracy, current"
    assert metric_name([ten], "pre2021") == "VQA accuracy, pre2021"
    for few in (one, two, make_question("what", ("red", 3))):
        assert metric_name([few, ten], "current") == metric_name([two, ten]) == metric_name([two])
    assert metric_name([two]) == "VQA accuracy, current, adapted below 4 answers"
    assert metric_name([one], "normalized") == "VQA accuracy, normalized, adapted below 4 answers"


@pytest.mark.parametrize("dialect", DIALECTS)
def test_few_answers_in_a_dialect(dialect: str) -> None:
    assert accuracy_of("red", [("red", 1)], dialect) == 1
    assert accuracy_of("blue", [("red", 1)], dialect) == 0
    assert accuracy_of("red", [("red", 2)], dialect) == 1
    assert accuracy_of("red", [("red", 1), ("blue", 1)], dialect) == 0.5
    assert accuracy_of("two.", [("2", 1), ("red", 2)], dialect) == accuracy_of(
        "2", [("2", 1), ("red", 2)]
    )
    assert accuracy_of("two.", [("2", 1)], dialect) == (dialect != "current")
    assert accuracy_of("2", [("two.", 1)], dialect) == (dialect == "normalized")


def test_the_mean_leaves_unanswered_questions_out() -> None:
    questions = [make_question("what is", ("red", 1)), make_question("how many")]
    assert mean_accuracy(lambda _: "red", questions) == 1
    with pytest.raises(DataError, match="no question has an answer"):
        mean_accuracy(lambda _: "red", questions[1:])
