"""Left and right swapped: twice is nothing, and what is not certain is left alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from askattend.data.mirroring import (
    CHINESE,
    ENGLISH,
    GERMAN,
    LANGUAGES,
    Language,
    language_of,
    mirrored,
)
from small_questions import make_question

PIECES = [word for language in LANGUAGES for pair in language.pairs for word in pair]
PIECES += ["Left", "RIGHT", "lEft", "Links", "lefty", "bright", "the", "_", "-", "'", "?", " ", "5"]
texts = st.lists(st.sampled_from(PIECES)).map("".join) | st.text()


@given(st.sampled_from(LANGUAGES), texts)
def test_swapping_twice_gives_the_text(language: Language, text: str) -> None:
    assert language.swap(language.swap(text)) == text


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        (ENGLISH, "What is left of the bed?", "What is right of the bed?"),
        (ENGLISH, "LEFT or right-hand, leftmost?", "RIGHT or left-hand, rightmost?"),
        (ENGLISH, "left_bowl", "right_bowl"),
        (ENGLISH, "a bright cleft, upright lefty", "a bright cleft, upright lefty"),
        (GERMAN, "Was steht links vom rechten Stuhl?", "Was steht rechts vom linken Stuhl?"),
        (GERMAN, "Rechte Hand, Rechnung", "Linke Hand, Rechnung"),
        (CHINESE, "桌子左边是什么", "桌子右边是什么"),
    ],
)
def test_words_are_swapped_and_parts_of_words_are_not(
    language: Language, text: str, expected: str
) -> None:
    assert language.swap(text) == expected


@pytest.mark.parametrize(
    ("language", "text"),
    [
        (ENGLISH, "does it turn clockwise?"),
        (ENGLISH, "what letter is on the sign?"),
        (ENGLISH, "how many pieces are there, and what is left?"),
        (ENGLISH, "is the right angle at the top?"),
        (ENGLISH, "d"),
        (GERMAN, "dreht es sich im Uhrzeigersinn?"),
        (CHINESE, "左右有几个人"),
    ],
)
def test_what_a_mirror_does_to_such_a_question_is_not_certain(
    language: Language, text: str
) -> None:
    assert not language.certain(text)
    assert mirrored(make_question(text), language, "other") is None
    assert mirrored(make_question("?", (text, 1)), language, "other") is None


@pytest.mark.parametrize("text", ["what is left of the lamp?", "is the cup right of it?", "red"])
def test_of_usual_questions_it_is(text: str) -> None:
    assert ENGLISH.certain(text)


def test_a_question_is_mirrored_with_its_answers() -> None:
    question = make_question(
        "on which side is it?", ("left", 3), ("no", 1), image="a", boxes=((0, 0, 0.5, 1),)
    )
    other = mirrored(question, ENGLISH, "b")
    assert other is not None
    assert (other.image, other.text) == ("b", "on which side is it?")
    assert other.answers == (("right", 3), ("no", 1))
    assert other.boxes == ()
    assert mirrored(other, ENGLISH, "a") == make_question(
        "on which side is it?", ("left", 3), ("no", 1), image="a"
    )


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (["What is left of the bed?", "how many?", "colour?"], ENGLISH),
        (["Welche Farbe hat es?", "Ist der Stuhl rot?", "Farbe?"], GERMAN),
        (["桌子左边是什么", "几个?"], CHINESE),
        (["qu'est-ce que c'est?", "à gauche ou à droite?"], None),
        (["?"], None),
    ],
)
def test_the_language_is_that_of_most_questions(
    asked: list[str], expected: Language | None
) -> None:
    assert language_of([make_question(text) for text in asked]) is expected
