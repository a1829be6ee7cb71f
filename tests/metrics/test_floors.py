"""Floors against counting the slow way."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from askattend.data.questions import Question
from askattend.data.text import answer_key, tokenise
from askattend.errors import DataError
from askattend.metrics.accuracy import accuracy_of
from askattend.metrics.floors import Floors
from small_questions import make_qaset, make_question

spelling = st.sampled_from(["red", "Red ", "blue", "light  blue", "light blue", "2"])
references = st.lists(st.tuples(spelling, st.integers(1, 6)), min_size=1, max_size=5)
wording = st.lists(st.sampled_from(["what", "is", "the", "red"]), max_size=5).map(" ".join)
questions = st.builds(lambda text, answers: make_question(text, *answers), wording, references)


def most_said(questions: list[Question], everywhere: list[Question] | None = None) -> str:
    """The most common answer to some questions, as most often written, in small letters."""
    said = Counter(answer_key(a) for q in questions for a, n in q.answers for _ in range(n))
    key = min(said, key=lambda answer: (-said[answer], answer))
    spellings = [a for q in everywhere or questions for a, n in q.answers for _ in range(n)]
    written = Counter(" ".join(text.split()) for text in spellings if answer_key(text) == key)
    return min(written, key=lambda text: (-written[text], sum(map(str.isupper, text)), text))


def naive_prefix(train: list[Question], question: str) -> str:
    for length in (3, 2, 1, 0):
        start = tokenise(question)[:length]
        if len(start) < length:
            continue
        alike = [q for q in train if tokenise(q.text)[:length] == start]
        if alike:
            return most_said(alike, train)
    raise AssertionError("all questions share the empty prefix")


@given(st.lists(questions, min_size=1, max_size=12), st.lists(wording, max_size=8))
def test_floors_reply_with_the_most_common(train: list[Question], texts: list[str]) -> None:
    floors = Floors.build(train)
    for text in texts:
        assert floors.majority == most_said(train)
        assert floors.answer_by_prefix(text) == naive_prefix(train, text)


@given(st.lists(questions, min_size=1, max_size=8), st.lists(questions, min_size=1, max_size=8))
def test_floors_are_mean_accuracies(train: list[Question], test: list[Question]) -> None:
    majority = [accuracy_of(most_said(train), q.answers) for q in test]
    prefix = [accuracy_of(naive_prefix(train, q.text), q.answers) for q in test]
    assert Floors.build(train).accuracy(make_qaset(*test)) == {
        "majority": pytest.approx(sum(majority) / len(test)),
        "prefix": pytest.approx(sum(prefix) / len(test)),
    }


def test_the_longest_prefix_decides_and_the_shorter_ones_stand_in() -> None:
    floors = Floors.build(
        [
            make_question("what is the colour", ("red", 2)),
            make_question("what is a cat", ("animal", 3)),
            make_question("what now", ("lunch", 6)),
            make_question("how many", ("2", 12)),
        ]
    )
    assert floors.answer_by_prefix("What is the shape?") == "red"
    assert floors.answer_by_prefix("what is this") == "animal"
    assert floors.answer_by_prefix("what") == "lunch"
    assert floors.answer_by_prefix("?") == floors.answer_by_prefix("why") == "2"


def test_unanswered_questions_are_left_out() -> None:
    train = [make_question("what is", ("red", 1)), make_question("how many")]
    assert Floors.build(train).answer_by_prefix("how many") == "red"


def test_floors_need_answers() -> None:
    unanswered = make_qaset(make_question("what"))
    with pytest.raises(DataError, match="no question has an answer"):
        Floors.build(unanswered)
    with pytest.raises(DataError, match="no question has an answer"):
        Floors.build([make_question("what", ("red", 1))]).accuracy(unanswered)
