"""``askattend explain``: in words, in JSON and as a page."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from cli.conftest import Mistake
from commands import Call

QUESTION = "What colour is it?"


def test_explain_in_words_and_as_a_page(trained: Path, tmp_path: Path, call: Call) -> None:
    image, page = trained / "square 3.png", tmp_path / "new" / "page.html"
    words = ("--reworded", "is it red?", "--reworded", "what is it?", "--out", page)
    status, out, err = call("explain", trained / "runs" / "saaa", image, QUESTION, *words)
    assert (status, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == QUESTION
    assert re.fullmatch(r"  \w+  [0-9.]+%", lines[1])
    assert re.search(r"^  Grad-CAM +\w", out, re.MULTILINE)
    assert re.search(r"^  Attention, Occlusion +-?\d\.\d\d +\d+%$", out, re.MULTILINE)
    assert re.search(r"^  colour  (falls by|rises by|stays)", out, re.MULTILINE)
    assert re.search(r"^  is it red\?  → \w+ [0-9.]+%$", out, re.MULTILINE)
    assert re.search(r"^  encoder\.embedding( +(-?\d\.\d\d|–)){4}$", out, re.MULTILINE)
    assert lines[-1] == f"page: {page}"
    assert page.read_text().lstrip().startswith("<!doctype html>")


def test_a_packed_run_explains_too_and_notes_unknown_words(
    trained: Path, tmp_path: Path, call: Call
) -> None:
    packed, question = tmp_path / "run.zip", "is it a zebra?"
    assert call("pack", trained / "runs" / "saaa", packed)[0] == 0
    words = (packed, trained / "square 3.png", question)
    status, out, err = call("explain", *words, "--json")
    assert (status, err) == (0, "note: the model never saw: a, zebra\n")
    told = json.loads(out)
    assert (told["image"], told["question"]) == (str(trained / "square 3.png"), question)
    (asked,) = json.loads(call("ask", *words, "--json")[1])
    assert {"image", *told["answer"]} == set(asked)
    # Asked in bfloat16 where the processor has it, and explained in float32.
    assert told["answer"] == {key: value for key, value in asked.items() if key != "image"}


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("explain RUN IMAGE ...", "no word in it"),
        ("explain RUN IMAGE zebra", "question 'zebra': the model knows none of its words"),
        ("explain RUN IMAGE red --reworded zebra", "question 'zebra': the model knows none"),
        ("explain RUN IMAGE", "missing: QUESTION"),
        ("explain RUN nowhere.jpg red", "nowhere.jpg: no such file"),
        ("explain nowhere IMAGE red", "nowhere: no such folder"),
        ("explain RUN TABLE red", "squares.csv: not an image"),
        ("explain RUN IMAGE red.png", "names an image, not a question"),
        ("explain RUN IMAGE red --seed -1", "seed = -1"),
        ("explain RUN IMAGE red --out .", "is a folder"),
        ("explain RUN IMAGE red --out page.png", "'.png' is not a page"),
        ("explain RUN IMAGE red --features nowhere", "nowhere"),
    ],
)
def test_mistakes(mistake: Mistake, command: str, message: str) -> None:
    mistake(command, message)
