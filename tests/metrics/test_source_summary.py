"""The summary of a set, held to counts made by hand."""

from __future__ import annotations

import statistics
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from askattend.data.questions import QASet, Question
from askattend.errors import ConfigError
from askattend.metrics.accuracy import accuracy_of
from askattend.metrics.floors import Floors
from askattend.metrics.source_summary import COMMON_ANSWERS, summarise
from small_questions import make_qaset, make_question

ANSWERS = ("yes", "no", "red", "blue", "2")

questions = st.lists(
    st.builds(
        Question,
        id=st.uuids().map(str),
        image=st.sampled_from("abcdef"),
        text=st.lists(st.sampled_from(["is", "it", "red", "what"]), min_size=1).map(" ".join),
        answers=st.dictionaries(st.sampled_from(ANSWERS), st.integers(1, 9), max_size=3).map(
            lambda counts: tuple(counts.items())
        ),
        split=st.sampled_from(["train", "test", "other"]),
        question_type=st.sampled_from([None, "what", "is"]),
        answer_type=st.none(),
    ),
    min_size=1,
)


@given(questions, st.integers(1, 6))
def test_figures_are_those_counted_by_hand(listed: list[Question], top: int) -> None:
    images = {q.image: Path(__file__ if q.image < "c" else f"/nowhere/{q.image}") for q in listed}
    summary = summarise(make_qaset(*listed, images=images), top=top)
    assert summary.questions == len(listed) == sum(s.questions for s in summary.splits.values())
    assert summary.missing_images == len({q.image for q in listed if q.image >= "c"})
    learnt: Counter[str] = Counter()
    for q in listed:
        if q.split == "train":
            learnt.update(dict(q.answers))
    known = sorted(learnt, key=lambda answer: (-learnt[answer], answer))[:top]
    assert summary.distinct_answers == len(learnt)
    assert [c.answer for c in summary.common_answers][:top] == known
    for name, split in summary.splits.items():
        part = [q for q in listed if q.split == name]
        lengths = [len(q.text.split()) for q in part]
        assert (split.words.least, split.words.most) == (min(lengths), max(lengths))
        assert split.words.median == statistics.median(lengths)
        assert split.words.questions == Counter(lengths)
        assert split.images == len({q.image for q in part})
        types = Counter(q.question_type or "" for q in part)
        assert split.question_types == ({} if set(types) == {""} else types)
        assert split.answer_types == {}
        answered = [q for q in part if q.answers]
        assert split.answered == len(answered)
        if not (known and answered):
            assert (split.answers_covered, split.floors, split.metric) == (None, None, None)
            continue
        given_ = sum(count for q in answered for _, count in q.answers)
        hits = sum(count for q in answered for answer, count in q.answers if answer in known)
        assert split.answers_covered == pytest.approx(hits / given_)
        assert split.floors is not None
        always = [accuracy_of(known[0], q.answers) for q in answered]
        assert split.floors["majority"] == pytest.approx(sum(always) / len(always))


def some(*, train: int = 3, test: int = 2) -> QASet:
    splits = ["train"] * train + ["test"] * test
    return make_qaset(
        *(
            make_question("is it red", ("yes", 1), id=n, image=f"{n % 4}", split=split)
            for n, split in enumerate(splits)
        )
    )


def test_without_training_answers_nothing_is_learnt() -> None:
    summary = summarise(some(train=0))
    assert (summary.common_answers, summary.distinct_answers) == ([], 0)
    assert summary.splits["test"].answers_covered is None


def test_floors_are_those_of_the_metrics() -> None:
    qaset = some(train=4, test=3)
    floors = Floors.build(qaset.split("train")).accuracy(qaset.split("test"))
    assert summarise(qaset).splits["test"].floors == floors


def test_what_else_a_set_tells_is_counted() -> None:
    box = (0.0, 0.0, 1.0, 1.0)
    qaset = make_qaset(
        make_question("x", ("b", 1), id=1, image="a", split="train", boxes=(box,)),
        make_question("y", ("b", 1), id=2, image="a", meaning="1"),
        make_question("z", ("b", 1), id=3, image="b", meaning="1"),
        notes=("a note",),
        pairs=((1, 2),),
        subsets={"part": frozenset({3})},
    )
    summary = summarise(qaset)
    assert (summary.pairs, summary.located, summary.reworded) == (1, 1, 2)
    assert (summary.subsets, summary.notes) == ({"part": 1}, ["a note"])
    assert [(s.splits, s.images) for s in summary.shared_images] == [(("train", "test"), 1)]


def test_common_answers_are_limited_and_share_all_human_answers() -> None:
    questions = [make_question("x", (f"answer {n:02}", n + 1), split="train") for n in range(30)]
    common = summarise(make_qaset(*questions)).common_answers
    assert [c.answer for c in common] == [f"answer {n:02}" for n in range(29, 29 - 20, -1)]
    assert len(common) == COMMON_ANSWERS
    assert common[0].share == pytest.approx(30 / sum(range(1, 31)))


def test_broken_images_are_told_if_asked_for(tmp_path: Path) -> None:
    Image.new("RGB", (4, 4)).save(tmp_path / "good.png")
    (tmp_path / "bad.png").write_bytes((tmp_path / "good.png").read_bytes()[:30])
    names = ("good", "bad", "absent")
    listed = tuple(make_question("x", ("y", 1), id=n, image=n, split="train") for n in names)
    qaset = make_qaset(*listed, images={n: tmp_path / f"{n}.png" for n in names})
    assert summarise(qaset).broken_images is None
    checked = summarise(qaset, check_images=True)
    assert checked.broken_images is not None
    assert list(checked.broken_images) == ["bad"]
    assert checked.missing_images == 1


def test_no_answer_at_all_cannot_be_the_vocabulary() -> None:
    with pytest.raises(ConfigError, match="top = 0: must be at least 1"):
        summarise(some(), top=0)
