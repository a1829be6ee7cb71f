"""A system beside the floors, against means taken by hand."""

from __future__ import annotations

import pytest

from askattend.metrics.floor_comparison import (
    FloorAnswers,
    FloorComparison,
    compare_with_floors,
    floor_answers,
    floors_verdict,
)
from askattend.metrics.floors import Floors
from askattend.metrics.linear_floor import fit_linear_floors
from askattend.metrics.shares import share_interval
from askattend.metrics.significance import bootstrap_interval
from fake_features import random_features
from small_questions import make_question

QUESTIONS = [make_question("what", ("a", 1), id=n, image=str(n // 2)) for n in range(40)]


def test_floors_answer_the_same_questions() -> None:
    train = [
        make_question("is it", ("yes", 1)),
        make_question("is it", ("yes", 1)),
        make_question("how many", ("2", 1), image="j"),
    ]
    source = random_features(2, 3)
    linear, floors = fit_linear_floors(train, source), Floors.build(train)
    asked = [make_question("how many things?"), make_question("is it?")]
    found = floor_answers(floors, linear, asked, source)
    assert list(found) == ["majority", "prefix", "bag_of_words", "bag_of_words_and_image"]
    assert found["majority"].answers == ("yes", "yes")
    assert [floor.name for floor in found.values()] == [
        *("most common answer", "first words", "bag of words", "bag of words + image")
    ]
    assert len(fit_linear_floors(train, None)) == 1
    for key in ("prefix", "bag_of_words"):
        assert found[key].answers == ("2", "yes")
    assert found["bag_of_words_and_image"].answers == tuple(linear[1].answer(asked, source))
    assert list(floor_answers(floors, (), asked, source)) == ["majority", "prefix"]


def test_a_question_without_answers_scores_nothing() -> None:
    floor = FloorAnswers("some", ("a", "a", "b"))
    assert floor.scores([*QUESTIONS[:1], make_question("?"), QUESTIONS[1]]) == [1.0, 0.0, 0.0]


def test_differences_are_those_of_each_question() -> None:
    answers = tuple("ab"[n % 3 == 0] for n in range(40))
    own = [float(answer == "a") for answer in answers]
    scores = [float(n % 4 > 0) for n in range(40)]
    (found,) = compare_with_floors(
        scores, QUESTIONS, {"some": FloorAnswers("some", answers)}
    ).values()
    ahead = [a - b for a, b in zip(scores, own, strict=True)]
    images = [q.image for q in QUESTIONS]
    assert found.accuracy == pytest.approx(sum(own) / 40)
    assert found.ahead == pytest.approx(sum(scores) / 40 - sum(own) / 40)
    assert found.interval == share_interval(own, images)
    assert found.ahead_interval == bootstrap_interval(ahead, images)
    assert found.beaten == (found.ahead_interval[0] > 0)
    assert found.name == "some"


@pytest.mark.parametrize(("wrong", "beaten"), [(40, True), (0, False)])
def test_a_floor_is_beaten_beyond_chance_or_it_is_not(wrong: int, beaten: bool) -> None:
    answers = ("b",) * wrong + ("a",) * (40 - wrong)
    floors = {"some": FloorAnswers("some", answers)}
    assert compare_with_floors([1.0] * 40, QUESTIONS, floors)["some"].beaten is beaten


def floor(name: str, accuracy: float, *, beaten: bool) -> FloorComparison:
    return FloorComparison(name, accuracy, (0.1, 0.6), -0.021, (-0.05, 0.012), beaten)


def test_the_verdict_is_plain() -> None:
    low, high = floor("first words", 0.3, beaten=True), floor("words", 0.4, beaten=False)
    assert floors_verdict({}, "saaa") is None
    assert floors_verdict({"a": low}, "saaa") is None
    assert floors_verdict({"a": low, "b": high}, "saaa, 3 epochs") == (
        "This network does not beat, beyond chance, 1 of the 2 floors, which are guesses without "
        "it; the strongest of these is words (40.0%; the network -2.1 points, 95 %: -5.0 to +1.2). "
        "Tried: saaa, 3 epochs."
    )
    none = {"a": floor("first words", 0.3, beaten=False), "b": high}
    assert floors_verdict(none, "saaa, 3 epochs") == (
        "This network does not beat, beyond chance, any of the 2 floors, which are guesses without "
        "it; the strongest of these is words (40.0%; the network -2.1 points, 95 %: "
        "-5.0 to +1.2). Tried: saaa, 3 epochs."
    )


def test_a_floor_that_scores_the_same_is_said_to() -> None:
    """Its interval is no bootstrap's, which would be a point."""
    floors = {"some": FloorAnswers("some", ("a",) * 20 + ("b",) * 20)}
    found = compare_with_floors([1.0] * 20 + [0.0] * 20, QUESTIONS, floors)
    low, high = found["some"].ahead_interval
    assert (found["some"].equal, -low) == (True, high)
    assert floors_verdict(found, "saaa") == (
        "This network does not beat, beyond chance, any of the 1 floors, which are guesses without "
        "it; the strongest of these is some (50.0%; the "
        f"network scores the same on every question, which leaves {100 * low:+.1f} to "
        f"{100 * high:+.1f} points possible on others, by Wilson's interval). Tried: saaa."
    )
    other = compare_with_floors([0.0] * 20 + [1.0] * 20, QUESTIONS, floors)["some"]
    assert (other.ahead, other.equal) == (0, False)
