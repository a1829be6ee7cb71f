"""The worker's work: in batches, and the same as the predictor's alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from askattend.errors import DataError
from askattend.runs.predictor import Predictor
from askattend.serving import answering
from askattend.serving.answering import Handler
from askattend.serving.image_cache import CachedImage
from askattend.serving.images import read_picture
from askattend.serving.jobs import Ask, Call, Part
from askattend.serving.runs import ServedRun
from askattend.serving.worker import Job

QUESTIONS = ("is it red?", "What colour is it?", "is it a zebra?", "colour", "它是红色的吗?")


def cached(file: Path, served: list[ServedRun]) -> CachedImage:
    specs = dict.fromkeys(run.spec for run in served)
    return CachedImage(read_picture(file.read_bytes(), specs, max_pixels=10_000))


def finish(jobs: Sequence[Job], handler: Handler | None = None) -> int:
    """Hand jobs on until all are done; return how often that was."""
    handler = handler or Handler(batch_sizes=lambda _: None)
    for times in range(1, 1000):
        left = [job for job in jobs if not job.future.done()]
        if not left:
            return times - 1
        handler(left)
    raise AssertionError("they are never done")


ASKS = st.lists(
    st.tuples(
        st.integers(0, 3),
        st.integers(0, 1),
        st.lists(st.sampled_from(QUESTIONS), max_size=3),
        st.integers(1, 4),
        st.booleans(),
    ),
    min_size=1,
    max_size=6,
)


@settings(max_examples=25)
@given(plan=ASKS, images_at_once=st.integers(1, 3))
def test_batches_answer_as_the_predictor_does_alone(
    plan: list[tuple[int, int, list[str], int, bool]],
    images_at_once: int,
    served: list[ServedRun],
    trained: Path,
) -> None:
    images = [cached(trained / f"square {n}.png", served) for n in range(4)]
    asks = [
        Ask(images[image], served[run], questions, top=top, words=words)
        for image, run, questions, top, words in plan
    ]
    finish(asks, Handler(batch_sizes=lambda _: None, images_at_once=images_at_once))
    for ask, (image, run, questions, top, words) in zip(asks, plan, strict=True):
        scene = served[run].predictor.look(trained / f"square {image}.png")
        for question, answered in zip(questions, ask.future.result(), strict=True):
            alone = scene.ask(question, top=top)
            together = answered.answer
            assert together.question == question
            assert together.text == alone.text
            assert [text for text, _ in together.top] == [text for text, _ in alone.top]
            probabilities = [p for _, p in alone.top]
            assert [p for _, p in together.top] == pytest.approx(probabilities, abs=2e-3)
            assert torch.allclose(together.attention, alone.attention, atol=2e-3)
            assert together.unknown_words == alone.unknown_words
            assert answered.notes == served[run].predictor.notes(question)
            assert (answered.words is not None) == words


def test_an_image_is_looked_at_once_however_many_ask(
    served: list[ServedRun], trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks, regions = list[int](), served[0].predictor.backbone.regions

    def counted(pixels: Any, shown: Any = None) -> Any:
        looks.append(len(pixels))
        return regions(pixels, shown)

    monkeypatch.setattr(served[0].predictor.backbone, "regions", counted)
    image, other = (cached(trained / f"square {n}.png", served) for n in range(2))
    # Both runs were trained on the same features, and share those of an image.
    assert served[0].predictor.backbone is served[1].predictor.backbone
    asks = [Ask(image, run, [QUESTIONS[0]]) for run in served for _ in range(3)]
    finish([*asks, Ask(other, served[1], [QUESTIONS[1]])])
    assert looks == [1, 1]
    assert not image.picture.squares


def test_further_questions_wait_for_one_image_at_most(
    served: list[ServedRun], trained: Path
) -> None:
    known = cached(trained / "square 0.png", served)
    finish([Ask(known, served[0])])
    new = [Ask(cached(trained / f"square {n}.png", served), served[0], ["red"]) for n in (1, 2, 3)]
    further = Ask(known, served[0], ["is it red?"])
    handler = Handler(batch_sizes=lambda _: None)
    handler([*new, further])
    assert further.future.done()
    assert sum(ask.is_looked_at for ask in new) == 1


def test_one_request_at_fault_does_not_spoil_the_others(
    served: list[ServedRun], trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = answering.answer_together

    def fail_on_zebras(parts: Sequence[Part]) -> Any:
        if any("zebra" in question for part in parts for question in part.questions):
            raise RuntimeError("zebra")
        return whole(parts)

    monkeypatch.setattr(answering, "answer_together", fail_on_zebras)
    image = cached(trained / "square 0.png", served)
    good, bad = Ask(image, served[0], ["is it red?"]), Ask(image, served[0], ["is it a zebra?"])
    finish([good, bad])
    assert len(good.future.result()) == 1
    with pytest.raises(RuntimeError, match="zebra"):
        bad.future.result()


def test_edited_maps_change_the_answer_of_their_own_request(
    served: list[ServedRun], trained: Path
) -> None:
    image, (run, *_) = cached(trained / "square 0.png", served), served
    edited = [[[1.0, 0.0], [0.0, 0.0]], None]
    own, changed = Ask(image, run, ["is it red?"]), Ask(image, run, ["is it red?"], edited=edited)
    finish([own, changed])
    scene = run.predictor.look(trained / "square 0.png")
    (first,), (second,) = own.future.result(), changed.future.result()
    assert torch.allclose(first.answer.attention, scene.ask("is it red?").attention, atol=1e-5)
    expected = scene.ask("is it red?", edited=edited)
    assert second.answer.attention[0].tolist() == edited[0]
    assert second.answer.probability == pytest.approx(expected.probability)


def test_edited_maps_that_do_not_fit_are_told(served: list[ServedRun], trained: Path) -> None:
    ask = Ask(cached(trained / "square 0.png", served), served[0], ["red"], edited=[[[1.0]]])
    finish([ask])
    with pytest.raises(DataError, match="expected 2 × 2"):
        ask.future.result()


def test_an_image_that_cannot_be_looked_at_fails_those_who_ask_about_it(
    served: list[ServedRun], trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(run: ServedRun, images: Sequence[CachedImage]) -> None:
        raise MemoryError

    monkeypatch.setattr(answering, "look_at_all", fail)
    image = cached(trained / "square 0.png", served)
    asks = [Ask(image, served[0], ["red"]), Ask(image, served[0])]
    finish(asks)
    for ask in asks:
        with pytest.raises(MemoryError):
            ask.future.result()


def test_a_large_crowd_is_divided(served: list[ServedRun], trained: Path) -> None:
    sizes: list[int] = []
    image = cached(trained / "square 0.png", served)
    finish([Ask(image, served[0])])
    asks = [Ask(image, served[0], ["is it red?"] * 100) for _ in range(5)]
    finish(asks, Handler(batch_sizes=sizes.append))
    assert sizes == [200, 200, 100]


def test_a_large_or_long_request_is_divided(
    served: list[ServedRun], trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    image = cached(trained / "square 0.png", served)
    finish([Ask(image, served[0])])
    long = "is it red? " * 40
    large = Ask(image, served[0], ["is it red?", "is it a zebra?"] * 150)
    several = [Ask(image, served[0], [long, "is it red?"] * 15), Ask(image, served[0], [long] * 20)]
    finish([large], Handler(batch_sizes=sizes.append))
    assert sizes == [256, 44]
    finish(several, Handler(batch_sizes=sizes.append))
    # 37 questions of 440 characters are as many as are answered together.
    assert sizes[2:] == [30, 20]
    red, zebra = large.future.result()[:2]
    answers = [each.answer for each in large.future.result()]
    assert [each.question for each in answers] == list(large.questions)
    for answer, expected in zip(answers, [red.answer, zebra.answer] * 150, strict=True):
        assert answer.probability == pytest.approx(expected.probability, abs=2e-3)


def test_a_batch_is_sent_before_the_next_is_begun(served: list[ServedRun], trained: Path) -> None:
    image = cached(trained / "square 0.png", served)
    finish([Ask(image, served[0])])
    asks = [Ask(image, served[0], ["is it red?"] * 200) for _ in range(3)]
    done: list[list[bool]] = []
    handler = Handler(batch_sizes=lambda _: None)
    handler([*asks], lambda: done.append([ask.future.done() for ask in asks]))
    assert done == [[True, False, False], [True, True, False], [True, True, True]]


def test_what_is_given_up_midway_is_left_and_the_worker_is_heard_of(
    served: list[ServedRun], trained: Path
) -> None:
    image = cached(trained / "square 0.png", served)
    finish([Ask(image, served[0])])
    many = Ask(image, served[0], ["is it red or is it blue?"] * 200, words=True)
    further = Ask(image, served[0], ["is it red?"])
    beats: list[int] = []
    handler = Handler(batch_sizes=lambda _: None)
    handler([many], lambda: beats.append(len(many.answered)))
    # The answers in one batch, then the words' effects question by question.
    assert beats == [200, 200]
    handler([many, further], lambda: beats.append(0))
    assert further.future.done()
    assert [each.words is not None for each in many.answered[:3]] == [True, True, False]
    assert many.future.cancel()
    handler([many], lambda: beats.append(0))
    assert many.answered[2].words is None


def test_words_of_a_long_question_are_measured_pass_by_pass(
    served: list[ServedRun], trained: Path
) -> None:
    image = cached(trained / "square 0.png", served)
    finish([Ask(image, served[0])])
    question = " ".join(["is it red or blue"] * 30)
    ask = Ask(image, served[0], [question], words=True)
    # 151 versions of it in passes of 64.
    assert finish([ask]) == 3
    expected = served[0].predictor.look(trained / "square 0.png").word_effects(question)
    (answered,) = ask.future.result()
    assert answered.words is not None
    assert [each.text for each in answered.words] == question.split()
    drops = [each.drop for each in expected]
    assert [each.drop for each in answered.words] == pytest.approx(drops, abs=1e-4)


def test_an_image_that_fails_does_not_spoil_those_beside_it(
    served: list[ServedRun], trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = [cached(trained / f"square {n}.png", served) for n in range(3)]
    whole, sizes = answering.look_at_all, list[int]()

    def fail_on_the_second(run: ServedRun, looked_at: Sequence[CachedImage]) -> None:
        sizes.append(len(looked_at))
        if images[1] in looked_at:
            raise RuntimeError("bad image")
        whole(run, looked_at)

    monkeypatch.setattr(answering, "look_at_all", fail_on_the_second)
    asks = [Ask(image, served[0], ["is it red?"]) for image in images]
    finish(asks, Handler(batch_sizes=lambda _: None, images_at_once=16))
    assert sizes == [3, 1, 1, 1]
    assert [len(asks[n].future.result()) for n in (0, 2)] == [1, 1]
    with pytest.raises(RuntimeError, match="bad image"):
        asks[1].future.result()


def test_other_work_is_done_one_by_one(served: list[ServedRun]) -> None:
    def fail() -> None:
        raise ValueError("no")

    calls = [Call(lambda: 1), Call(fail), Call(lambda: 3)]
    assert finish(calls) == 3
    assert calls[0].future.result() == 1
    with pytest.raises(ValueError, match="no"):
        calls[1].future.result()


def test_a_network_that_depends_on_padding_is_asked_request_by_request(
    served: list[ServedRun], trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        type(served[0].predictor.model), "depends_on_padding", property(lambda _: True)
    )
    sizes: list[int] = []
    image = cached(trained / "square 0.png", served)
    asks = [Ask(image, served[0], [question]) for question in QUESTIONS]
    finish(asks, Handler(batch_sizes=sizes.append))
    assert sizes == [1] * len(QUESTIONS)


def test_the_runs_answers_are_its_own_predictors(served: list[ServedRun]) -> None:
    assert all(isinstance(run.predictor, Predictor) for run in served)
    assert [run.id for run in served] == ["saaa", "san"]
