"""Questions in another form than they are asked in."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from askattend.errors import DataError
from askattend.runs.asking import answers_to_list, one_question, several_questions


def test_questions_may_be_any_iterable_of_texts() -> None:
    assert one_question("is it red?") == "is it red?"
    for questions in (["a?", "b?"], ("a?", "b?"), {"a?": 1, "b?": 2}, (q for q in ("a?", "b?"))):
        assert several_questions(questions) == ["a?", "b?"]
    assert several_questions([]) == []
    assert answers_to_list(3) == 3


@pytest.mark.parametrize(
    ("check", "given", "message"),
    [
        (one_question, ["a?"], r"question: list of questions.*by ask_all"),
        (one_question, None, "question: NoneType, where a text was expected"),
        (one_question, b"a?", "question: bytes, where a text"),
        (several_questions, "a?", r"one text, where a list.*\[question\]"),
        (several_questions, None, "NoneType, where a list of texts"),
        (several_questions, ["a?", 3], "question 2: int, where a text"),
        (several_questions, ["a?", ["b?"]], "question 2: list, where a text"),
        (answers_to_list, 0, "0 is no number of answers"),
        (answers_to_list, "5", "'5' is no number"),
        (answers_to_list, True, "True is no number"),
    ],
)
def test_other_forms_are_refused(check: Any, given: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        check(given)


# In a process of its own: here, the tests' own checker of types would be the first to complain.
MISUSES = """
import io, json, sys
import askattend
predictor = askattend.Predictor.load(sys.argv[1])
scene = predictor.look(sys.argv[2])
answer = scene.ask("is it red?")
def message(call):
    try:
        call()
    except askattend.AskAttendError as error:
        return str(error)
print(json.dumps([message(call) for call in (
    lambda: scene.ask_all("what?"),
    lambda: scene.ask(["a?", "b?"]),
    lambda: scene.ask(None),
    lambda: scene.ask("is it red?", top=0),
    lambda: scene.word_effects(["is it red?"]),
    lambda: predictor.look(None),
    lambda: predictor.look([sys.argv[2]]),
    lambda: predictor.look(io.BytesIO(b"")),
    lambda: askattend.describe_map(answer.attention),
    lambda: askattend.Predictor.load(None),
)]))
"""


def test_the_predictor_says_what_is_wrong(trained: Path) -> None:
    run, image = trained / "runs" / "saaa", trained / "square 4.png"
    words = (sys.executable, "-c", MISUSES, str(run), str(image))
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    parts = (
        "questions: one text",
        "ask_all(questions)",
        "question: NoneType",
        "top: 0",
        "question: list of questions",
        "NoneType is not an image. Give a path",
        "list is not an image",
        "BytesIO is not an image",
        "attention map: of shape (2, 2, 2)",
        "folder: NoneType",
    )
    for message, part in zip(json.loads(done.stdout), parts, strict=True):
        assert part in message
