"""Batches divided among processes and into parts: every question once, images whole."""

from __future__ import annotations

from itertools import chain

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from askattend.batching.batches import Batch, Batches
from askattend.batching.division import Division, divide
from askattend.data.vocab import AnswerVocab, WordVocab
from fake_features import random_features
from small_questions import make_qaset, make_question

IMAGES = st.lists(st.integers(0, 9), min_size=1, max_size=40).map(
    lambda ids: np.array(ids, dtype=np.int64)
)


@given(IMAGES, st.integers(1, 7))
def test_every_question_is_in_one_part(images: np.ndarray, parts: int) -> None:
    divided = divide(images, parts)
    assert len(divided) == parts
    assert sorted(chain.from_iterable(divided)) == list(range(len(images)))
    assert all((np.diff(part) > 0).all() for part in divided)


@given(IMAGES, st.integers(1, 7))
def test_parts_are_balanced_and_images_whole(images: np.ndarray, parts: int) -> None:
    divided, counts = divide(images, parts), np.bincount(images)
    share = -(-len(images) // parts)
    sizes = [len(part) for part in divided]
    # Graham's bound: the last group put on the largest part went to the smallest one then.
    assert max(sizes) - min(sizes) <= min(counts.max(), share)
    for image, count in enumerate(counts):
        holding = sum(image in images[part] for part in divided)
        assert holding <= -(-count // share)


def batches(count: int = 50, batch_size: int = 16, sampling: str = "by-image") -> Batches:
    questions = make_qaset(
        *(
            make_question("a b c"[: 1 + 2 * (i % 3)], (f"{i % 4}", 1), id=i, image=f"{i * i % 11}")
            for i in range(count)
        )
    )
    words = WordVocab.build(q.text for q in questions)
    answers = AnswerVocab.build(questions)
    return Batches(
        questions,
        random_features(4, 6),
        words,
        answers,
        batch_size=batch_size,
        sampling=sampling,
    )


def parts_of(whole: Batches, division: Division, **given: int) -> list[list[Batch]]:
    """The parts of each step."""
    steps: list[list[Batch]] = [[]]
    for batch in whole.divided(division).shuffled(3, **given):
        steps[-1].append(batch)
        assert batch.part is not None
        if batch.part.last:
            steps.append([])
    assert not steps.pop()
    return steps


@pytest.mark.parametrize("sampling", ["by-image", "uniform"])
@pytest.mark.parametrize(("processes", "parts"), [(1, 3), (2, 1), (3, 2), (5, 1)])
def test_processes_share_the_batches_of_one(processes: int, parts: int, sampling: str) -> None:
    whole = batches(sampling=sampling)
    divided = [
        parts_of(whole, Division(rank, processes, parts), at_least=6) for rank in range(processes)
    ]
    for step, batch in enumerate(whole.shuffled(3, at_least=6)):
        here = [part for steps in divided for part in steps[step]]
        real = [part for part in here if part.part is not None and part.part.share]
        asked = torch.cat([part.question_index for part in real])
        assert sorted(asked.tolist()) == sorted(batch.question_index.tolist())
        assert {part.part.questions for part in here if part.part} == {len(batch)}
        assert sum(part.part.share for part in here if part.part) == pytest.approx(1)
        assert len({part.part.seed for part in here if part.part}) == 1
        assert {part.tokens.shape[1] for part in here} == {batch.tokens.shape[1]}
        assert sum(part.images for part in real) < batch.images + processes * parts


def test_a_part_is_what_the_batch_has_of_its_questions() -> None:
    whole = batches()
    batch = next(whole.shuffled(3))
    rows = {int(index): row for row, index in enumerate(batch.question_index)}
    for part in parts_of(whole, Division(1, 2))[0]:
        own = [rows[int(index)] for index in part.question_index]
        for name in ("tokens", "lengths", "answer_index", "answer_weight", "answer_score"):
            assert torch.equal(getattr(part, name), getattr(batch, name)[own]), name
        regions = part.regions[part.image_index]
        assert torch.equal(regions, batch.regions[batch.image_index[own]])


def test_a_process_without_questions_still_takes_part() -> None:
    """Of 50 questions by 16 the last batch has 2."""
    last = [parts_of(batches(), Division(rank, 5, 2))[-1] for rank in range(5)]
    assert [sum(p.part.share for p in parts if p.part) for parts in last].count(0.0) >= 3
    assert all(len(parts) >= 1 and all(len(p) for p in parts) for parts in last)


def test_passing_over_steps_changes_none_that_follow() -> None:
    division = Division(1, 2, 2)
    whole, later = parts_of(batches(), division), parts_of(batches(), division, start=2)
    for ours, theirs in zip(later, whole[2:], strict=True):
        for one, other in zip(ours, theirs, strict=True):
            assert one.part == other.part
            assert torch.equal(one.question_index, other.question_index)


@pytest.mark.parametrize(("of", "together"), [(1, 1), (2, 1), (3, 2)])
def test_in_order_each_batch_is_one_process_s(of: int, together: int) -> None:
    whole = batches()
    expected = [batch.question_index.tolist() for batch in whole.in_order()]
    turns = [
        iter([b.question_index.tolist() for b in whole.in_order(rank=r, of=of, together=together)])
        for r in range(of)
    ]
    assert [next(turns[i // together % of]) for i in range(len(expected))] == expected
    assert all(next(turn, None) is None for turn in turns)


def test_more_parts_than_questions_are_as_many_as_questions() -> None:
    division = Division(parts=10**15)
    parts = list(division.parts_of(np.array([3, 3, 5]), seed=(0, 0)))
    assert sorted(len(positions) for positions, _ in parts) == [1, 1, 1]
