"""A scored answer knows what its question tells of itself."""

from __future__ import annotations

from msgspec.structs import replace

from askattend.metrics.scored_answer import ScoredAnswer, score_answer
from small_questions import make_question


def test_an_answer_is_scored_against_the_human_ones() -> None:
    question = make_question("what?", ("a red", 1), id="q", image="1.jpg", answer_type="colour")
    expected = ScoredAnswer("q", "Red", 0.5, 0.0, "colour", None, "1.jpg", question="what?")
    expected = replace(expected, references=(("a red", 1),))
    assert score_answer(question, "Red", probability=0.5) == expected
    assert score_answer(question, "Red", dialect="normalized").score == 1


def test_without_human_answers_there_is_no_score() -> None:
    found = score_answer(make_question(id=3, question_type="what"), "red")
    assert found == ScoredAnswer(
        3, "red", question_type="what", image="i", question="?", references=()
    )
    assert found.score is None
