"""Answers and words that differ in how they are written alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from askattend.data.look_alikes import alike_answers, answers_named, words_alike, written_alike
from small_questions import make_question


@pytest.mark.parametrize(
    "ways",
    [
        ("garbage_bin", "garbage bin", "Garbage-Bin", "garbage  bin.", "garbage‑bin", "garbagebin"),
        ("1.5", "1,5", "1.50", "+1.5"),
        ("1000", "1,000"),
        ("book, lamp", "book,lamp"),
        ("don't know", "don’t know"),
        ("light blue", "light – blue", '"light blue"'),
    ],
)
def test_ways_to_write_one_answer(ways: tuple[str, ...]) -> None:
    assert len(set(map(written_alike, ways))) == 1


@pytest.mark.parametrize(
    "answers",
    [
        ("1-2", "12", "1 2", "-12"),
        ("1.5", "15", "-1.5"),
        ("c", "c++", "c#"),
        ("bin", "bins"),
        (".",),
    ],
)
def test_other_answers_stay_apart(answers: tuple[str, ...]) -> None:
    assert len(set(map(written_alike, answers))) == len(answers)
    assert all(map(written_alike, answers))


@given(st.text(min_size=1))
def test_one_way_is_its_own(text: str) -> None:
    key = written_alike(text)
    assert written_alike(f"  {text}\t") == key
    assert bool(key) == bool(text.split())


def test_a_note_counts_the_cases_and_names_them() -> None:
    answers = ["yes"] * 3 + ["garbage bin"] * 2 + ["garbage_bin", "1,5", "1.5"]
    questions = [make_question("?", (answer, 1), id=n) for n, answer in enumerate(answers)]
    (note,) = alike_answers(questions)
    assert "2 cases: 'garbage bin' (2) and 'garbage_bin' (1), '1,5' (1) and '1.5' (1)." in note
    assert alike_answers(questions[:5]) == ()


@pytest.mark.parametrize(
    ("words", "unknown", "found"),
    [
        (["a", "garbage", "bin"], {"garbage", "bin"}, [("garbage bin", "garbage_bin")]),
        (["a", "garbage_bin"], {"garbage_bin"}, [("garbage_bin", "garbage_bin")]),
        (["living", "room", "lamp"], {"room"}, [("living room", "Living-Room")]),
        (["living", "room"], set(), []),
        (["a", "lamp"], {"lamp"}, []),
    ],
)
def test_answers_that_are_words_of_a_question(
    words: list[str], unknown: set[str], found: list[tuple[str, str]]
) -> None:
    assert list(answers_named(words, unknown, ("garbage_bin", "Living-Room", "no"))) == found


KNOWN = ("<pad>", "<unk>", "is", "the", "garbage_bin", "tshirt", "coffee", "table", "what's")


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["is", "the", "garbage", "bin"], [("garbage bin", "garbage_bin")]),
        (["the", "t", "shirt"], [("t shirt", "tshirt")]),
        (["coffee_table"], [("coffee_table", "coffee table")]),
        (["whats"], [("whats", "what's")]),
        (["is", "the", "coffee", "table"], []),
        (["garbage", "truck"], []),
    ],
)
def test_known_words_that_are_written_otherwise(
    words: list[str], found: list[tuple[str, str]]
) -> None:
    assert list(words_alike(words, KNOWN)) == found
