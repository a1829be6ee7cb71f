"""Groups of questions, pairs and paraphrases, by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from askattend.data.questions import QASet, Question
from askattend.metrics.breakdown import (
    accuracy_by,
    accuracy_by_length,
    accuracy_over,
    pair_consistency,
    paraphrase_consistency,
)
from askattend.metrics.scored_answer import ScoredAnswer


def scored(
    identity: int, score: float, *, answer: str = "a", image: str = "i", kind: str | None = None
) -> ScoredAnswer:
    return ScoredAnswer(identity, answer, score=score, image=image, question_type=kind)


def question(
    identity: int, *, text: str = "is it", image: str = "i", meaning: str | None = None
) -> Question:
    return Question(identity, image, text, (("a", 1),), "test", meaning=meaning)


def test_kinds_and_lengths() -> None:
    some = [scored(0, 1.0, kind="what"), scored(1, 0.0, kind="what"), scored(2, 0.3)]
    kinds = accuracy_by(lambda one: one.question_type, some)
    assert {name: (s.questions, s.accuracy) for name, s in kinds.items()} == {"what": (2, 0.5)}
    texts = ("what", "what is it now", "a b c d e f g h i j k l", "not scored")
    questions = [question(identity, text=text) for identity, text in enumerate(texts)]
    lengths = accuracy_by_length(str.split, questions, some)
    assert {name: s.accuracy for name, s in lengths.items()} == {
        "1-3 words": 1.0,
        "4-5 words": 0.0,
        "11 words and more": 0.3,
    }
    assert list(lengths) == ["1-3 words", "4-5 words", "11 words and more"]


def test_an_interval_holds_its_mean_and_clusters_widen_it() -> None:
    apart = accuracy_over([scored(n, float(n % 2), image=str(n)) for n in range(100)])
    together = accuracy_over([scored(n, float(n < 50), image=str(n // 10)) for n in range(100)])
    for found in (apart, together):
        assert found.interval[0] < found.accuracy == 0.5 < found.interval[1]
    assert together.interval[1] - together.interval[0] > apart.interval[1] - apart.interval[0]


def test_pairs() -> None:
    some = [scored(0, 1.0, answer="x"), scored(1, 0.6, answer="y"), scored(2, 0.0, answer="x")]
    questions = tuple(question(one) for one in range(3))
    qaset = QASet("s", questions, {"i": Path("i")}, pairs=((0, 1), (0, 2), (2, 99)))
    found = pair_consistency(qaset, some)
    assert found is not None
    assert (found.pairs, found.same_answer) == (2, 0.5)
    assert found.both_right == pytest.approx(0.3)
    assert pair_consistency(QASet("s", questions, {}), some) is None


def test_paraphrases() -> None:
    questions = [
        question(0, meaning="m"),
        question(1, meaning="m"),
        question(2, meaning="m"),
        question(3, meaning="m", image="another"),
        question(4, meaning="n"),
        question(5, meaning="n"),
        question(6, meaning="n"),  # not scored
    ]
    said = ((1.0, "x"), (1.0, "x"), (0.0, "y"), (1.0, "x"), (1.0, "x"), (0.5, "x"))
    some = [scored(one, score, answer=answer) for one, (score, answer) in enumerate(said)]
    found = paraphrase_consistency(questions, some)
    assert found is not None
    assert found.meanings == 2
    assert found.agreement == pytest.approx((1 / 3 + 1) / 2)
    assert found.all_right == pytest.approx((0 + 0.5) / 2)
    assert paraphrase_consistency(questions, some[3:4]) is None
