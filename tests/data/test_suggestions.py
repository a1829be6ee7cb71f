"""Suggested questions: as asked in training, unlike each other, frequent ones first."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from askattend.data.questions import Question
from askattend.data.suggestions import LONGEST, MOST_SUGGESTED, suggest_questions
from askattend.data.text import tokenise

FIRST, REST, ANSWERS = (
    ["what", "Is", "how", "它"],
    [" is it?", " red", "  IT here", ""],
    ["a", "b", "c"],
)


def ask(text: str, answer: str | None = "yes") -> Question:
    return Question(0, "i", text, () if answer is None else ((answer, 1),), "train")


asked = st.lists(
    st.builds(
        lambda first, rest, answer: ask(first + rest, answer),
        st.sampled_from(FIRST),
        st.sampled_from(REST),
        st.sampled_from([*ANSWERS, None]),
    ),
    max_size=40,
)


@given(asked, st.integers(0, 12))
def test_they_are_few_and_differ(questions: list[Question], count: int) -> None:
    found = suggest_questions(questions, count=count)
    answered = [q.text for q in questions if q.answers]
    wordings = {tuple(tokenise(text)) for text in answered}
    assert len(found) == min(count, len(wordings))
    assert len({tuple(tokenise(text)) for text in found}) == len(found)
    assert set(found) <= {" ".join(text.split()) for text in answered}
    assert list(found) == list(suggest_questions(questions, count=99)[:count])


@given(asked)
def test_first_words_take_turns_the_most_frequent_first(questions: list[Question]) -> None:
    starts = [tokenise(text)[0] for text in suggest_questions(questions)]
    frequent = Counter(tokenise(q.text)[0] for q in questions if q.answers)
    turn = starts[: len(frequent)]
    assert sorted(turn) == sorted(frequent)
    assert [frequent[start] for start in turn] == sorted(frequent.values(), reverse=True)


def test_answers_differ_before_wordings_repeat() -> None:
    questions = [ask("is it red?", "yes")] * 5 + [ask("is it blue?", "yes")] * 4
    questions += [ask("is it here?", "no")] * 2 + [ask("what is it?", "lamp")]
    assert suggest_questions(questions) == (
        *("is it red?", "what is it?"),  # each first word once
        "is it here?",  # a new answer
        "is it blue?",
    )


def test_what_is_no_suggestion_is_left_out() -> None:
    questions = [ask("what " * LONGEST), ask("???"), ask("what is it?", None), ask("is it?")]
    assert suggest_questions(questions) == ("is it?",)
    many = [ask(f"w{n} is it?") for n in range(99)]
    assert len(suggest_questions(many)) == MOST_SUGGESTED
