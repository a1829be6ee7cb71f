"""Models that write, asked several questions at once: the answers of one at a time, or a note."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console

from askattend.data.questions import QASet, Question
from askattend.data.readers.registry import read_source
from askattend.features.images import open_image
from askattend.foreign import generating
from askattend.foreign.answer import ForeignAnswer
from askattend.foreign.generating import Generator
from askattend.foreign.loading import ForeignModel, load_foreign
from foreign.models import MODELS, save_blip2, save_git
from squares import write_squares

CPU = torch.device("cpu")
WRITING = {
    **{
        name: MODELS[name] for name in ("BlipForQuestionAnswering", "LlavaForConditionalGeneration")
    },
    "GitForCausalLM": save_git,
    "Blip2ForConditionalGeneration": save_blip2,
}


@pytest.fixture(scope="module")
def questions(tmp_path_factory: pytest.TempPathFactory) -> QASet:
    """Questions of several lengths about several pictures."""
    source = read_source(f"table:{write_squares(tmp_path_factory.mktemp('squares'))}")
    images = list(source.images)[:3]
    texts = ("red ?", "what colour is it ?", "is it red ? yes", "blue ?", "is it ? is it ? no")
    asked = [
        Question(number, images[number % 3], text, (), "test") for number, text in enumerate(texts)
    ]
    return QASet(source.source, tuple(asked), source.images)


@pytest.fixture(scope="module", params=WRITING)
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> ForeignModel:
    folder = WRITING[request.param](tmp_path_factory.mktemp("model"))
    return load_foreign(folder, device=CPU, max_tokens=4)


class Asked:
    """A generator, with what it says and how many questions it asks at once."""

    def __init__(self, model: ForeignModel, questions: QASet) -> None:
        self.said = io.StringIO()
        made = model.ask(questions, Console(file=self.said, width=200))
        assert isinstance(made, Generator)
        self.generator, self.questions = made, questions

    def __call__(self) -> list[ForeignAnswer]:
        return self.generator(self.questions.questions)


def one_by_one(model: ForeignModel, questions: QASet) -> list[ForeignAnswer]:
    ask = model.ask(questions, Console(quiet=True))
    return [ask([question])[0] for question in questions]


def test_together_answers_are_those_of_one_at_a_time(model: ForeignModel, questions: QASet) -> None:
    alone, asked = one_by_one(model, questions), Asked(model, questions)
    assert asked() == alone  # the first are asked both ways
    together = asked()
    assert asked.said.getvalue() == ""
    assert [one.text for one in together] == [one.text for one in alone]
    for one, other in zip(together, alone, strict=True):
        assert one.probability == pytest.approx(other.probability, rel=1e-4)


def changed(
    model: ForeignModel, monkeypatch: pytest.MonkeyPatch, change: Callable[[Any, int], Any]
) -> None:
    """Let the model do something else where several are asked."""
    own = model._loaded.model
    generate = own.generate

    def other(**inputs: Any) -> Any:
        made = generate(**inputs)
        count = len(next(iter(inputs.values())))
        return change(made, count) if count > 1 else made

    monkeypatch.setattr(own, "generate", other)


def test_a_model_that_answers_otherwise_together_is_asked_one_at_a_time(
    model: ForeignModel, questions: QASet, monkeypatch: pytest.MonkeyPatch
) -> None:
    def exchanged(made: Any, count: int) -> Any:
        made.scores = tuple(step.flip(-1) for step in made.scores)
        return made

    alone = one_by_one(model, questions)
    changed(model, monkeypatch, exchanged)
    asked = Asked(model, questions)
    assert [asked(), asked()] == [alone, alone]
    note = "note: questions are asked one at a time (together it answers otherwise)\n"
    assert asked.said.getvalue() == note


def test_a_model_that_fails_together_is_asked_one_at_a_time(
    model: ForeignModel, questions: QASet, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(made: Any, count: int) -> Any:
        raise NotImplementedError("one picture alone")

    alone = one_by_one(model, questions)
    changed(model, monkeypatch, failing)
    asked = Asked(model, questions)
    assert [asked(), asked()] == [alone, alone]
    note = "note: questions are asked one at a time (together it fails: one picture alone)\n"
    assert asked.said.getvalue() == note


def test_no_more_pixels_are_opened_together_than_memory_is_meant_for(
    model: ForeignModel, questions: QASet, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts: list[int] = []

    def counted(made: Any, count: int) -> Any:
        counts.append(count)
        return made

    alone = one_by_one(model, questions)
    changed(model, monkeypatch, counted)
    side = Asked(model, questions).generator
    width, height = open_image(next(iter(questions.images.values()))).size
    monkeypatch.setattr(generating, "_PIXELS", 2 * width * height)
    assert [one.text for one in side(questions.questions)] == [one.text for one in alone]
    # Two and two, and the fifth by itself; none of two lengths where a model reads padding.
    assert counts == ([] if model._loaded.reads_padding else [2, 2])


def test_an_answer_ends_where_it_ends() -> None:
    assert generating._length([5, 6, 7], frozenset()) == 3
    assert generating._length([5, 3, 0, 0], frozenset({3})) == 2
    assert generating._length([3, 0, 0], frozenset({3, 4})) == 1


def test_in_half_precision_equally_probable_words_may_change_places() -> None:
    one, other = ForeignAnswer("red", 0.2), ForeignAnswer("blue", 0.21)
    assert generating._alike(one, other, False)
    assert not generating._alike(one, other, True)
    assert not generating._alike(one, ForeignAnswer("red", 0.1), False)


def test_groups_are_about_any_pictures(model: ForeignModel, tmp_path: Path) -> None:
    assert (model.together, model.by_image) == (8, False)
    vilt = load_foreign(MODELS["ViltForQuestionAnswering"](tmp_path), device=CPU, batch_size=3)
    assert (vilt.together, vilt.by_image) == (3, True)
