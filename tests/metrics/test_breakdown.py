"""Groups of questions, pairs and wordings, by hand."""

from __future__ import annotations

from operator import attrgetter

import pytest

from askattend.metrics.breakdown import (
    accuracy_by,
    accuracy_by_first_words,
    accuracy_by_length,
    accuracy_over,
    pair_consistency,
    paraphrase_consistency,
)
from askattend.metrics.scored_answer import ScoredAnswer
from small_questions import make_qaset, make_question


def scored(
    id: int, score: float, *, answer: str = "a", image: str = "i", kind: str | None = None
) -> ScoredAnswer:
    return ScoredAnswer(id, answer, score=score, image=image, question_type=kind)


def test_types_and_lengths() -> None:
    some = [scored(0, 1.0, kind="what"), scored(1, 0.0, kind="what"), scored(2, 0.3), scored(3, 1)]
    types = accuracy_by(attrgetter("question_type"), some)
    assert {name: (g.questions, g.accuracy) for name, g in types.items()} == {"what": (2, 0.5)}
    texts = ("what", "what is it now", "a b c d e f g h i j k l", "what is it")
    questions = [make_question(text, id=n) for n, text in enumerate(texts)]
    lengths = accuracy_by_length(str.split, questions, some)
    assert {name: group.accuracy for name, group in lengths.items()} == {
        "1-3 words": 1.0,
        "4-5 words": 0.0,
        "11 words and more": 0.3,
    }


def test_first_words_tell_kinds_and_rare_ones_are_pooled() -> None:
    texts = [*["how many cups"] * 3, *["is there a cup"] * 4, "why", "whose cup is it"]
    questions = [make_question(text, id=n) for n, text in enumerate(texts)]
    some = [scored(n, float(text.startswith("how"))) for n, text in enumerate(texts)]
    found = accuracy_by_first_words(str.split, questions, some)
    assert [(name, g.questions, g.accuracy) for name, g in found.items()] == [
        ("is there", 4, 0.0),
        ("how many", 3, 1.0),
        ("other words", 2, 0.0),
    ]
    assert accuracy_by_first_words(str.split, questions, []) == {}


def test_an_interval_holds_its_mean_and_clusters_widen_it() -> None:
    apart = accuracy_over([scored(n, float(n % 2), image=str(n)) for n in range(100)])
    together = accuracy_over([scored(n, float(n < 50), image=str(n // 10)) for n in range(100)])
    for found in (apart, together):
        assert found.interval[0] < found.accuracy == 0.5 < found.interval[1]
    assert together.interval[1] - together.interval[0] > apart.interval[1] - apart.interval[0]


def test_pairs() -> None:
    answers = (("x", 1.0), ("y", 0.6), ("x", 0.0), ("z", 0.9))
    some = [scored(n, score, answer=answer) for n, (answer, score) in enumerate(answers)]
    questions = [make_question(id=n) for n in range(4)]
    qaset = make_qaset(*questions, pairs=((0, 1), (0, 2), (2, 99), (3, 1), (99, 3)))
    found = pair_consistency(qaset, some)
    assert found is not None
    assert found.pairs == 3
    assert found.same_answer == pytest.approx(1 / 3)
    assert found.both_right == pytest.approx((0.6 + 0 + 0.6) / 3)
    assert pair_consistency(make_qaset(*questions), some) is None


def test_wordings() -> None:
    some = [
        scored(0, 1.0, answer="x"),
        scored(1, 1.0, answer="x"),
        scored(2, 0.0, answer="y"),
        scored(3, 1.0, answer="x"),
        scored(4, 1.0, answer="x"),
        scored(5, 0.5, answer="x"),
    ]
    placed: list[tuple[str, str | None]]
    placed = [("i", "m"), ("i", "m"), ("i", "m"), ("another", "m"), ("i", "n"), ("i", "n")]
    # Of some no answer was scored, and some have no meaning that others share.
    placed += [("i", "m"), ("i", None), ("i", None)]
    some += [scored(7, 0.0, answer="x"), scored(8, 0.0, answer="z")]
    questions = [
        make_question(id=n, image=image, meaning=meaning)
        for n, (image, meaning) in enumerate(placed)
    ]
    found = paraphrase_consistency(questions, some)
    assert found is not None
    assert found.meanings == 2
    assert found.agreement == pytest.approx((1 / 3 + 1) / 2)
    assert found.all_right == pytest.approx((0 + 0.5) / 2)
    assert paraphrase_consistency(questions[3:4], some[3:4]) is None
