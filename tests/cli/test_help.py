"""What help says, and in which colours."""

from __future__ import annotations

import os
import pty
import re
import shlex
import subprocess
import sys

import pytest

from askattend.cli import COMMANDS
from askattend.cli.help import EXAMPLES, with_examples
from commands import Call

FORMS = {"train": ("saaa", "san", "question-only"), "trace": ("saaa",), "import": ("hdf5",)}
PAGES = [
    [name, *([form] if form else [])] for name in COMMANDS for form in ("", *FORMS.get(name, ()))
]


@pytest.mark.parametrize("words", PAGES, ids=" ".join)
def test_a_page_of_help(words: list[str], call: Call) -> None:
    status, out, err = call(*words, "--help")
    assert (status, err) == (0, "")
    for riddle in ("{None", "None}", "(default: )", "(default: '')", "(default: None)"):
        assert riddle not in out
    assert "\nExamples:\n  askattend " in out


@pytest.mark.parametrize(
    ("words", "required"),
    [
        ("train saaa", ("--out RUN", "--data SOURCE")),
        ("score", ("RESULTS.json", "--data")),
        ("ask", ("RUN", "IMAGE", "QUESTION ...")),
        ("serve", ("RUN ...",)),
        ("extract", ("SOURCE|FOLDER|FILE.tar|ADDRESS …", "--out")),
        ("trace --run x", ("--run", "--image", "--question")),
        ("import hdf5", ("FILE.h5", "--out")),
    ],
)
def test_what_is_required_is_called_so(words: str, required: tuple[str, ...], call: Call) -> None:
    _, out, _ = call(*words.split(), "--help")
    # Frames are drawn where the output can hold them; a row may go on in the next line.
    out = re.sub(r"\s*\n\s{4,}", " ", re.sub("[│|] ", "  ", out))
    rows = [row.lstrip() for row in out.splitlines() if "(required" in row]
    assert len(rows) == len(required)
    assert all(any(row.startswith(name) for row in rows) for name in required)


@pytest.mark.parametrize("command", EXAMPLES)
def test_examples_name_options_that_there_are(command: str, call: Call) -> None:
    assert command in COMMANDS
    for example in EXAMPLES[command]:
        _, name, *words = shlex.split(example)
        assert name == command
        first = next((word for word in words if not word.startswith("-")), "")
        form = [first] if first in FORMS.get(name, ()) else []
        form = ["--run", "x"] if name == "trace" and not form else form
        if first == "any":
            form = ["saaa"]
        _, out, _ = call(name, *form, "--help")
        for word in words:
            assert not word.startswith("--") or f"{word} " in out or f"{word}," in out


def on_one_line(help_text: str) -> str:
    return re.sub(r"\s+", " ", re.sub("[│|] ", "  ", help_text))


@pytest.mark.parametrize(
    ("network", "option"),
    [("saaa", "--seeds"), ("saaa", "--train.epochs"), ("san", "--model.dropout")],
)
def test_what_a_recipe_decides_is_said(network: str, option: str, call: Call) -> None:
    text = on_one_line(call("train", network, "--help")[1]).partition(f" {option} ")[2]
    assert "(default: by the recipe; paper: " in re.split(r" --(?=[a-z])", text)[0]


def test_what_no_recipe_decides_has_its_own_default(call: Call) -> None:
    text = on_one_line(call("train", "saaa", "--help")[1])
    # The batches of extraction, beside those of training.
    assert "backbone looks at together. (default: 8)" in text
    settled = on_one_line(call("train", "saaa", "--preset", "scenes", "--help")[1])
    assert "by the recipe" not in settled


def test_examples_of_a_form_are_its_own() -> None:
    assert "train san" not in with_examples("", "train saaa")
    assert with_examples("About.", "nothing") == "About."


COLOURED = "\x1b["


@pytest.mark.parametrize(
    ("words", "no_color", "errors_to_a_file", "coloured"),
    [
        ("compare --help", "", False, True),
        ("compare --help", "1", False, False),
        ("compare --help", "", True, False),
        ("train --help", "", False, True),  # of a command with forms
    ],
)
def test_colours(words: str, no_color: str, errors_to_a_file: bool, coloured: bool) -> None:
    ours, theirs = pty.openpty()
    environment = {**os.environ, "NO_COLOR": no_color, "TERM": "xterm-256color"}
    started = subprocess.Popen(
        [sys.executable, "-m", "askattend", *words.split()],
        stdout=theirs,
        stderr=subprocess.PIPE if errors_to_a_file else theirs,
        env=environment,
    )
    os.close(theirs)
    printed = b""
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:  # Linux' way to say that the other end is closed
            break
        if not part:
            break
        printed += part
    os.close(ours)
    errors = started.stderr.read() if started.stderr else b""
    started.communicate()
    text = (printed + errors).decode()
    assert words.split()[0] in text
    assert (COLOURED in text) == coloured
