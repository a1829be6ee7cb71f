"""Accuracy against leaving annotators out one by one, floors against counting the slow way."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from askattend.data.questions import QASet, Question
from askattend.data.text import answer_key, tokenise
from askattend.errors import DataError
from askattend.metrics.accuracy import Floors, accuracy_of, mean_accuracy, metric_name
from askattend.metrics.vqa_official import normalise_answer

spelling = st.sampled_from(["red", "Red ", "blue", "light  blue", "light blue", "2"])
references = st.lists(st.tuples(spelling, st.integers(1, 6)), min_size=1, max_size=5)
wording = st.lists(st.sampled_from(["what", "is", "the", "red"]), max_size=5).map(" ".join)


def ask(text: str, *answers: tuple[str, int]) -> Question:
    return Question(id=0, image="i", text=text, answers=answers, split="train")


asked = st.builds(lambda text, answers: ask(text, *answers), wording, references)


def qaset(*questions: Question) -> QASet:
    return QASet("some", questions, {"i": Path("i.png")})


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
    one, ten = ask("what", ("red", 1)), ask("what", ("red", 3), ("blue", 7))
    two = ask("what", ("red", 1), ("blue", 1))
    assert metric_name([one, ask("what")]) == "exact match"
    four = ask("what", ("red", 1), ("blue", 3))
    assert metric_name([four, ten, ask("what")]) == "VQA accuracy, current"
    assert metric_name([ten], "pre2021") == "VQA accuracy, pre2021"
    for few in (one, two, ask("what", ("red", 3))):
        assert metric_name([few, ten], "current") == metric_name([two, ten]) == metric_name([two])
    assert metric_name([two]) == "VQA accuracy, current, adapted below 4 answers"
    assert metric_name([one], "normalized") == "VQA accuracy, normalized, adapted below 4 answers"


def most_said(questions: list[Question], everywhere: list[Question] | None = None) -> str:
    """The most common answer to some questions, as it is most often written anywhere."""
    said = Counter(answer_key(a) for q in questions for a, n in q.answers for _ in range(n))
    key = min(said, key=lambda answer: (-said[answer], answer))
    spellings = [a for q in everywhere or questions for a, n in q.answers for _ in range(n)]
    written = Counter(text for text in spellings if answer_key(text) == key)
    return " ".join(min(written, key=lambda text: (-written[text], text)).split())


def naive_prefix(train: list[Question], question: str) -> str:
    for length in (3, 2, 1, 0):
        start = tokenise(question)[:length]
        if len(start) < length:
            continue
        alike = [q for q in train if tokenise(q.text)[:length] == start]
        if alike:
            return most_said(alike, train)
    raise AssertionError("all questions share the empty prefix")


@given(st.lists(asked, min_size=1, max_size=12), st.lists(wording, max_size=8))
def test_floors_reply_with_the_most_common(train: list[Question], texts: list[str]) -> None:
    floors = Floors.build(train)
    for text in texts:
        assert floors.majority == most_said(train)
        assert floors.by_prefix(text) == naive_prefix(train, text)


@given(st.lists(asked, min_size=1, max_size=8), st.lists(asked, min_size=1, max_size=8))
def test_floors_are_mean_accuracies(train: list[Question], test: list[Question]) -> None:
    majority = [accuracy_of(most_said(train), q.answers) for q in test]
    prefix = [accuracy_of(naive_prefix(train, q.text), q.answers) for q in test]
    assert Floors.build(train).accuracy(qaset(*test)) == {
        "majority": pytest.approx(sum(majority) / len(test)),
        "prefix": pytest.approx(sum(prefix) / len(test)),
    }


def test_the_longest_prefix_decides_and_the_shorter_ones_stand_in() -> None:
    floors = Floors.build(
        [
            ask("what is the colour", ("red", 2)),
            ask("what is a cat", ("animal", 3)),
            ask("what now", ("lunch", 6)),
            ask("how many", ("2", 12)),
        ]
    )
    assert floors.by_prefix("What is the shape?") == "red"
    assert floors.by_prefix("what is this") == "animal"
    assert floors.by_prefix("what") == "lunch"
    assert floors.by_prefix("?") == floors.by_prefix("why") == "2"


def test_unanswered_questions_are_left_out() -> None:
    train = [ask("what is", ("red", 1)), ask("how many")]
    assert Floors.build(train).by_prefix("how many") == "red"
    assert mean_accuracy(lambda _: "red", train) == 1


def test_floors_need_answers() -> None:
    unanswered = qaset(ask("what"))
    with pytest.raises(DataError, match="no question has an answer"):
        Floors.build(unanswered)
    with pytest.raises(DataError, match="no question has an answer"):
        Floors.build([ask("what", ("red", 1))]).accuracy(unanswered)
