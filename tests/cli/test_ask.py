"""``askattend ask``: answers in words, in JSON and over the image."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cli.conftest import Mistake
from commands import Call


def test_ask_in_json(trained: Path, tmp_path: Path, call: Call) -> None:
    image = trained / "square 3.png"
    questions = ("what colour is it", "IS IT RED?", "它是红色的吗?")
    overlay = tmp_path / "overlay.png"
    status, out, _ = call(
        "ask", trained / "runs" / "saaa", image, *questions, "--json", "--overlay", overlay
    )
    assert status == 0
    answers = json.loads(out)
    assert [answer["question"] for answer in answers] == list(questions)
    for answer in answers:
        assert answer["image"] == str(image)
        assert answer["top"][0] == {
            "answer": answer["answer"],
            "probability": answer["probability"],
        }
        probabilities = [other["probability"] for other in answer["top"]]
        assert probabilities == sorted(probabilities, reverse=True)
        attention = answer["attention"]
        values = np.array(attention["values"])
        assert values.shape == (2, 2, 2)
        assert values.shape == (attention["glimpses"], attention["rows"], attention["columns"])
        assert values.sum(axis=(1, 2)) == pytest.approx([1, 1], abs=1e-5)
        assert answer["seen"] == [0, 0, 1, 1]
    assert [answer["unknown_words"] for answer in answers] == [[], [], list("它是红色的吗")]
    # Nobody chose a threshold, and the run knows too few pictures; few words are reason enough.
    assert [answer["sure"] for answer in answers] == [None, None, False]
    assert [answer["unlike_training"] for answer in answers] == [None] * 3
    with Image.open(overlay) as opened:
        assert opened.format == "PNG"


def test_regions_are_drawn_as_they_are_or_smoothed(
    trained: Path, tmp_path: Path, call: Call
) -> None:
    words = ("ask", trained / "runs" / "saaa", trained / "square 3.png", "is it red?", "--overlay")
    drawn = {}
    for way in ("auto", "cells", "smooth"):
        assert call(*words, tmp_path / f"{way}.png", "--draw-as", way)[0] == 0
        drawn[way] = (tmp_path / f"{way}.png").read_bytes()
    assert drawn["auto"] == drawn["cells"] != drawn["smooth"]  # a grid of 2 × 2


def test_ask_in_words(trained: Path, call: Call) -> None:
    image = trained / "square 0.png"
    status, out, err = call("ask", trained / "runs" / "san", image, "is it red?")
    assert (status, err) == (0, "")
    _, _, err = call("ask", trained / "runs" / "san", image, "is it a zebra?")
    assert err == "note: the model never saw: a, zebra\n"
    assert out.startswith("is it red?\n  ")
    assert "%" in out
    assert "\nsure: not judged, as the run was never evaluated\n" in out
    asked = ("ask", trained / "runs" / "san", image)
    assert "\nsure of the others: not judged" in call(*asked, "is it red?", "zebra?")[1]
    assert "\nsure" not in call(*asked, "zebra?")[1]
    assert "\npicture unlike those of training: not judged, as the run knows too little" in out


def test_one_answer_alone_has_no_others(trained: Path, call: Call) -> None:
    command = ("ask", trained / "runs" / "saaa", trained / "square 0.png", "is it red?")
    _, out, _ = call(*command, "--top", 1)
    assert re.fullmatch(r"is it red\?\n  \w+  [0-9.]+%\n(\w[\w ]*: not judged, as .+\n){2}", out)


@pytest.mark.parametrize(
    "missing",
    [
        *("config.toml", "words.json", "answers.json", "floors.json", "features.json"),
        "best.safetensors",
    ],
)
def test_a_run_without_a_file_says_which(own: Path, call: Call, missing: str) -> None:
    folder = own / "runs" / "saaa"
    (folder / missing).unlink()
    status, out, err = call("ask", folder, own / "square 0.png", "is it red?")
    assert (status, out, missing in err) == (2, "", True)


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("ask RUN IMAGE ...", "no word in it"),
        ("ask RUN IMAGE", "missing: QUESTION"),
        ("ask RUN IMAGE hi --top 0", "top = 0"),
        ("ask RUN nowhere.jpg hi", "nowhere.jpg: no such file"),
        ("ask nowhere IMAGE hi", "nowhere: no such folder"),
        ("ask RUN TABLE hi", "squares.csv: not an image"),
        ("ask RUN IMAGE hi --overlay x.mp3", ".mp3"),
        ("ask RUN IMAGE hi --overlay IMAGE", "is the image that is asked about"),
        ("ask RUN IMAGE hi --overlay .", "is a folder"),
        ("ask RUN IMAGE hi --draw-as cells", "--draw-as: draws nothing by itself"),
    ],
)
def test_mistakes(mistake: Mistake, command: str, message: str) -> None:
    mistake(command, message)


def test_nothing_large_is_loaded_for_an_answer(trained: Path) -> None:
    words = ["ask", str(trained / "runs" / "saaa"), str(trained / "square 3.png"), "is it red?"]
    program = (
        "import sys; from askattend.cli import main; main(sys.argv[1:]); "
        "print(*{name.partition('.')[0] for name in sys.modules})"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *words], capture_output=True, text=True, check=True
    )
    loaded = set(done.stdout.splitlines()[-1].split())
    assert "torch" in loaded
    assert not loaded & {"matplotlib", "sympy", "scipy", "sklearn", "pandas", "transformers"}
