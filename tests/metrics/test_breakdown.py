"""Groups of questions, pairs and wordings, by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from askattend.data.questions import QASet, Question
from askattend.metrics.breakdown import (
    Scored,
    by,
    by_length,
    pair_consistency,
    share,
    wording_agreement,
)


def scored(
    identity: int, score: float, *, answer: str = "a", text: str = "is it", image: str = "i",
    kind: str | None = None, meaning: str | None = None,
) -> Scored:  # fmt: skip
    question = Question(
        identity, image, text, ((answer, 1),), "test", question_type=kind, meaning=meaning
    )
    return Scored(question, answer, score)


def test_kinds_and_lengths() -> None:
    some = [
        scored(0, 1.0, kind="what", text="what"),
        scored(1, 0.0, kind="what", text="what is it now"),
        scored(2, 0.3, text="a b c d e f g h i j k l"),
    ]
    kinds = by(lambda question: question.question_type, some)
    assert {name: (s.questions, s.accuracy) for name, s in kinds.items()} == {"what": (2, 0.5)}
    lengths = by_length(str.split, some)
    assert {name: s.accuracy for name, s in lengths.items()} == {
        "1-3 words": 1.0,
        "4-5 words": 0.0,
        "11 words and more": 0.3,
    }


def test_an_interval_holds_its_mean_and_clusters_widen_it() -> None:
    apart = share([scored(n, float(n % 2), image=str(n)) for n in range(100)])
    together = share([scored(n, float(n < 50), image=str(n // 10)) for n in range(100)])
    for found in (apart, together):
        assert found.interval[0] < found.accuracy == 0.5 < found.interval[1]
    assert together.interval[1] - together.interval[0] > apart.interval[1] - apart.interval[0]


def test_pairs() -> None:
    some = [scored(0, 1.0, answer="x"), scored(1, 0.6, answer="y"), scored(2, 0.0, answer="x")]
    questions = tuple(one.question for one in some)
    qaset = QASet("s", questions, {"i": Path("i")}, pairs=((0, 1), (0, 2), (2, 99)))
    found = pair_consistency(qaset, some)
    assert found is not None
    assert (found.pairs, found.same_answer) == (2, 0.5)
    assert found.both_right == pytest.approx(0.3)
    assert pair_consistency(QASet("s", questions, {}), some) is None


def test_wordings() -> None:
    some = [
        scored(0, 1.0, answer="x", meaning="m"),
        scored(1, 1.0, answer="x", meaning="m"),
        scored(2, 0.0, answer="y", meaning="m"),
        scored(3, 1.0, answer="x", meaning="m", image="another"),
        scored(4, 1.0, answer="x", meaning="n"),
        scored(5, 0.5, answer="x", meaning="n"),
    ]
    found = wording_agreement(some)
    assert found is not None
    assert found.meanings == 2
    assert found.agreement == pytest.approx((1 / 3 + 1) / 2)
    assert found.all_right == pytest.approx((0 + 0.5) / 2)
    assert wording_agreement(some[3:4]) is None
