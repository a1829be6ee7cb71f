"""Questions alone give little away."""

from __future__ import annotations

from collections import Counter, defaultdict

from askattend.data.questions import QASet
from askattend.metrics.floors import Floors


def test_questions_alone_give_little_away(qaset: QASet) -> None:
    """Of each type, the best guess from the first words is little better than chance."""
    train, test = qaset.split("train").questions, qaset.split("valid").questions
    test += qaset.split("test").questions
    chance = {"colour": 1 / 8, "shape": 1 / 8, "count": 1 / 4, "existence": 1 / 2}
    chance |= {"comparison": 1 / 2, "position": 1 / 4}
    for kind, expected in chance.items():
        floors = Floors.build(q for q in train if q.question_type == kind)
        scored = floors.accuracy([q for q in test if q.question_type == kind])
        assert max(scored.values()) < expected + 0.1, kind
    assert max(Floors.build(train).accuracy(test).values()) < 0.34


def test_answers_to_one_question_are_evenly_spread(qaset: QASet) -> None:
    answers: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for question in qaset.split("train"):
        assert question.meaning is not None
        answers[question.meaning.partition(" ")[2]][question.answers[0][0]] += 1
    common = {meaning: found for meaning, found in answers.items() if found.total() >= 20}
    assert len(common) > 10
    for meaning, found in common.items():
        possible = 8 if meaning.startswith(("colour", "shape")) else 2
        if meaning.startswith("count"):
            possible = 4 if meaning == "count(shape)" else 5
        assert found.most_common(1)[0][1] <= found.total() / possible + 9, meaning
