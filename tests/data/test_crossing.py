"""Questions asked of other images: which, how often, and without what people answered."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from askattend.data.crossing import with_crossed
from small_questions import make_qaset, make_question


@given(
    st.lists(st.sampled_from("abcde"), min_size=1, max_size=12),
    st.integers(0, 7),
    st.integers(0, 99),
)
def test_each_question_is_asked_of_other_images_once_each(
    images: list[str], times: int, seed: int
) -> None:
    asked = [
        make_question(f"what is number {n}?", ("yes", 1), image=image, id=n)
        for n, image in enumerate(images)
    ]
    questions = make_qaset(*asked)
    crossed = with_crossed(questions, times, seed=seed)
    assert crossed.questions[: len(asked)] == questions.questions
    others = crossed.questions[len(asked) :]
    assert len({question.id for question in crossed}) == len(crossed)
    for question in asked:
        about = [other.image for other in others if other.text == question.text]
        assert len(about) == len(set(about))
        assert question.image not in about
        distinct = len(set(images))
        assert min(times, distinct) - 1 <= len(about) <= min(times, distinct - 1)
    assert not any(other.answers or other.boxes for other in others)
    assert crossed.images == questions.images


def test_a_seed_draws_the_same_and_another_others() -> None:
    questions = make_qaset(
        *(make_question("what?", ("yes", 1), image=str(n), id=n) for n in range(20))
    )
    first, again, other = (with_crossed(questions, 3, seed=seed) for seed in (0, 0, 1))
    assert first == again
    assert first != other


def test_only_some_questions_are_asked_of_others() -> None:
    questions = make_qaset(
        *(make_question(text, ("yes", 1), image=text, id=text) for text in ("a?", "b?", "c?"))
    )
    crossed = with_crossed(questions, 3, seed=0, only=lambda question: question.text == "b?")
    assert [(q.text, q.image) for q in crossed.questions[3:]] in (
        [("b?", "a?"), ("b?", "c?")],
        [("b?", "c?"), ("b?", "a?")],
    )
