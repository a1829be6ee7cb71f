"""Output to terminals of all encodings, and names that are in none."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from askattend.cli import main
from askattend.cli.terminal import json_text, print_to_any_terminal, visible_output
from askattend.features.image_sources import images_in

NAME = b"caf\xe9.png"


def written(text: str, encoding: str, monkeypatch: pytest.MonkeyPatch) -> str:
    stream = io.TextIOWrapper(io.BytesIO(), encoding)
    monkeypatch.setattr(sys, "stdout", stream)
    print_to_any_terminal()
    print(text, end="", flush=True)
    monkeypatch.undo()
    return stream.buffer.getvalue().decode(encoding)


@pytest.mark.parametrize(
    ("encoding", "text", "shown"),
    [
        ("utf-8", "→ красный φ", "→ красный φ"),
        ("ascii", "a → b … 7 × 7", "a -> b ... 7 x 7"),
        ("cp1252", "a → b … 7 × 7 für", "a -> b … 7 × 7 für"),
        ("ascii", "φ, Σ, v̂², x₁", "phi, Sigma, v^2, x1"),
        ("ascii", "für", r"f\xfcr"),
        ("cp1252", "красный", r"\u043a\u0440\u0430\u0441\u043d\u044b\u0439"),
        ("utf-8", "caf\udce9.png", r"caf\xe9.png"),
        ("ascii", "\ud83d", r"\ud83d"),
    ],
)
def test_what_an_encoding_lacks(
    encoding: str, text: str, shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert written(text, encoding, monkeypatch) == shown


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "ascii", "gb18030"])
@pytest.mark.parametrize("text", ["красный", "für", "😀", 'a"\\b', "红色"])
def test_json_stays_json(encoding: str, text: str) -> None:
    encoded = json_text([{"answer": text}], encoding).encode(encoding)
    assert json.loads(encoded.decode(encoding)) == [{"answer": text}]


def test_json_of_a_name_that_is_no_utf8() -> None:
    for encoding in ("utf-8", "ascii"):
        text = json_text({"image": os.fsdecode(NAME), "p": (0.5, None)}, encoding)
        assert json.loads(text.encode(encoding)) == {"image": r"caf\xe9.png", "p": [0.5, None]}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    try:
        Image.new("RGB", (8, 8), "red").save(tmp_path / "plain.png")
        os.rename(tmp_path / "plain.png", os.fsencode(tmp_path) + b"/" + NAME)
    except OSError:
        pytest.skip("this file system has no such names")
    return tmp_path


def test_images_whose_names_are_no_utf8(folder: Path) -> None:
    images = images_in(folder)
    assert list(images) == [r"caf\xe9.png"]
    assert images[r"caf\xe9.png"].is_file()


@pytest.mark.parametrize("encoding", ["cp1252", "ascii"])
@pytest.mark.parametrize("words", [["--help"], ["data", "--help"], ["train", "saaa", "--help"]])
def test_help_in_any_encoding(
    encoding: str, words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    printed = io.BytesIO()
    output = io.TextIOWrapper(printed, encoding=encoding, write_through=True)
    monkeypatch.setattr(sys, "stdout", output)
    with contextlib.suppress(SystemExit):
        main(words)
    assert b"askattend" in printed.getvalue()


def test_help_of_a_process_in_another_encoding() -> None:
    result = subprocess.run(
        [sys.executable, "-m", "askattend", "train", "saaa", "--help"],
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        timeout=120,
    )
    assert (result.returncode, result.stderr) == (0, b"")
    assert b"askattend" in result.stdout


def test_a_stranger_s_text_steers_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with visible_output():
        print("\x1b[2Jyes", "\u202eno")
        print(json_text({"answer": "\x1b[2J\x9b\u202e"}, "utf-8"))
        with visible_output(colours=True):
            print("\x1b[1mbold\x1b[0m\x1b[2J", file=sys.stderr)
    print("\x1b", end="")
    shown = capsys.readouterr()
    assert shown.out.startswith("\\x1b[2Jyes \\u202eno\n")
    assert json.loads(shown.out.split("no\n")[1][:-1]) == {"answer": "\x1b[2J\x9b\u202e"}
    assert shown.out.count("\x1b") == 1  # outside
    assert "\x9b" not in shown.out
    assert shown.err == "\x1b[1mbold\x1b[0m\\x1b[2J\n"
