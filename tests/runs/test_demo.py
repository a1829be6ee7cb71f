"""The run that comes with the package answers, by its name, what it learnt to answer."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from askattend.data.readers.registry import read_source
from askattend.runs.predictor import Predictor
from commands import Call


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASKATTEND_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)


def test_it_is_right_about_test_questions_it_never_saw() -> None:
    test = read_source("easy-vqa").split("test")
    questions = test.questions[::160]
    assert len(questions) > 50
    predictor = Predictor.from_pretrained("demo")
    right = [
        predictor.look(test.images[each.image]).ask(each.text).text in dict(each.answers)
        for each in questions
    ]
    assert sum(right) / len(right) > 0.95


def test_it_is_asked_by_its_name(call: Call, tmp_path: Path) -> None:
    image = next(iter(read_source("easy-vqa").split("test").images.values()))
    status, printed, _ = call("ask", "demo", image, "what color is the shape?", "--json")
    assert status == 0
    (told,) = json.loads(printed)
    assert told["attention"]["rows"] == 10
    assert {file.name for file in tmp_path.iterdir()} == {"cache"}
