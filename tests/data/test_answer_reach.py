"""Answers that are learnt from other images, or are not."""

from __future__ import annotations

import pytest

from askattend.data.answer_reach import out_of_reach_note, reachable_from_other_images
from askattend.data.questions import Question
from askattend.data.vocab import AnswerVocab
from askattend.metrics.source_summary import summarise
from small_questions import make_qaset, make_question

GIVEN = ("red", "red", "blue", "lamp", "Red", "chair", "chair", "yes", "no", "no", "7", "blue")


def test_it_is_what_the_other_images_teach() -> None:
    """An oracle: each image's questions by a vocabulary of all others'."""
    some = [
        make_question("what", (answer, 1), id=n, image=str(n // 2))
        for n, answer in enumerate(GIVEN)
    ]
    reached = 0.0
    for question in some:
        others = [other for other in some if other.image != question.image]
        reached += AnswerVocab.build(others, size=99).reachable([question])
    assert reachable_from_other_images(some) == pytest.approx(reached / len(some))
    assert reachable_from_other_images([make_question("what")]) is None


def test_only_what_is_mostly_lost_is_noted() -> None:
    assert out_of_reach_note("x", 0.8) == out_of_reach_note("x", None) == ()
    (note,) = out_of_reach_note("the questions of 'test'", 0.6)
    assert note.startswith("40% of the questions of 'test' have an answer that is not learnt")


def asked(count: int, split: str) -> list[Question]:
    """Questions on an image each, whose answers are all different."""
    return [
        make_question("what", (str(n), 1), id=f"{split} {n}", image=f"{split} {n}", split=split)
        for n in range(count)
    ]


def test_a_summary_notes_it_of_held_out_splits_and_else_of_images() -> None:
    for questions, begins in (
        ([*asked(4, "test"), *asked(1, "train")], "75% of the questions of 'test' have"),
        (asked(4, "train"), "100% of the questions, held back by image, have"),
    ):
        notes = summarise(make_qaset(*questions)).notes
        (note,) = (note for note in notes if "not learnt" in note)
        assert note.startswith(begins)
    assert not any("not learnt" in n for n in summarise(make_qaset(*asked(4, "test"))).notes)
