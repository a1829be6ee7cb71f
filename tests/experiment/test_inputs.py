"""Drawing questions for what needs no more than some of them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from askattend.data.questions import QASet
from askattend.experiment.inputs import sample_of
from small_questions import make_qaset, make_question


def questions(count: int) -> QASet:
    return make_qaset(*(make_question(id=n) for n in range(count)))


@given(st.integers(1, 60), st.integers(1, 60), st.integers(0, 9))
def test_a_sample_is_some_of_the_questions_in_their_order(count: int, most: int, seed: int) -> None:
    drawn = [question.id for question in sample_of(questions(count), most, seed=seed)]
    assert len(drawn) == min(count, most)
    assert drawn == sorted(set(drawn))
    assert set(drawn) <= set(range(count))
    assert drawn == [question.id for question in sample_of(questions(count), most, seed=seed)]


def test_a_sample_is_not_the_first_ones() -> None:
    samples = [tuple(q.id for q in sample_of(questions(1000), 100, seed=seed)) for seed in range(5)]
    assert len(set(samples)) == 5
    for drawn in samples:
        assert sum(int(name) for name in drawn) / 100 > 400
