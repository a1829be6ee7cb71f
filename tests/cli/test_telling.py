"""How much a command tells beside its results: quiet, as usual, verbose."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
import torch

from askattend.cli import COMMANDS
from askattend.cli.telling import take_verbosity
from askattend.environment.console import notes_console
from askattend.environment.verbosity import Verbosity, is_verbose, telling
from commands import Call, train_command

QUESTION = "is it red and quuxly?"  # of which one word is unknown, which is noted


@pytest.mark.parametrize("word", ["-q", "--quiet"])
def test_quiet_leaves_results_and_errors(word: str, run: Path, trained: Path, call: Call) -> None:
    image = trained / "square 0.png"
    told = call("ask", run, image, QUESTION)
    assert "note: " in told[2]
    assert call("ask", run, image, QUESTION, word) == (0, told[1], "")
    assert call(word, "ask", run, image, QUESTION) == (0, told[1], "")
    status, out, err = call("ask", word, run, "nowhere.png", QUESTION)
    assert (status, out) == (2, "")
    assert err.startswith("askattend: nowhere.png: ")


def test_training_can_be_quiet(trained: Path, tmp_path: Path, call: Call) -> None:
    command = train_command("saaa", trained / "squares.csv", tmp_path / "run", "-q")
    status, _, err = call(*command)
    assert (status, err) == (0, "")
    assert (tmp_path / "run" / "best.safetensors").exists()


@pytest.mark.parametrize("word", ["-v", "--verbose"])
def test_verbose_tells_what_it_runs_on_and_reads(
    word: str, run: Path, trained: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOMP_SPINCOUNT", "7")
    monkeypatch.setenv("ASKATTEND_CACHE", "/of/mine")
    plain = call("ask", run, trained / "square 0.png", "is it red?")
    status, out, err = call("ask", word, run, trained / "square 0.png", "is it red?")
    assert (status, out) == plain[:2]
    details = [line for line in err.splitlines() if line.startswith("detail: ")]
    assert version("torch") in details[0]
    assert details[1].startswith(f"detail: threads: {torch.get_num_threads()} (")
    assert "GOMP_SPINCOUNT=7" in details[1]
    assert details[2] == "detail: cache: /of/mine"
    assert details[3].startswith(f"detail: run {run}: saaa, ")
    assert details[-1].startswith("detail: took ")
    assert not is_verbose()


def test_verbose_names_features_and_where_they_come_from(own: Path, call: Call) -> None:
    err = call("evaluate", own / "runs" / "saaa", "-v")[2]
    (line,) = [line for line in err.splitlines() if line.startswith("detail: features ")]
    assert str(own / "runs") in line


def test_verbose_names_what_is_kept_to_be_used_again(
    run: Path, trained: Path, tmp_path: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASKATTEND_CACHE", str(tmp_path))
    source = "scenes:images=10,size=64"
    first, second = (call("data", source, "-v")[2] for _ in range(2))
    assert f"detail: drawings in {tmp_path / 'scenes'}" in first
    assert ": 0 were there\n" in first
    assert ": 10 were there\n" in second
    assert call("pack", run, tmp_path / "run.zip")[0] == 0
    err = call("ask", tmp_path / "run.zip", trained / "square 0.png", "is it red?", "-v")[2]
    assert err.count(f"detail: {tmp_path / 'run.zip'} is unpacked in {tmp_path / 'packed'}") == 1


@pytest.mark.parametrize("words", [["-q", "-v"], ["--quiet", "x", "--verbose"]])
def test_quiet_and_verbose_exclude_each_other(words: list[str], call: Call) -> None:
    status, _, err = call("data", "easy-vqa", *words)
    assert (status, err) == (
        2,
        "askattend: -q -v: cannot be quiet and verbose at once. Leave one of them out.\n",
    )


def test_words_that_are_taken_leave_the_others() -> None:
    assert take_verbosity(["ask", "-q", "a", "--quiet"]) == (Verbosity.QUIET, ["ask", "a"])
    assert take_verbosity(["ask", "-vv", "quiet"]) == (Verbosity.NORMAL, ["ask", "-vv", "quiet"])


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_lists_them(command: str, call: Call) -> None:
    out = call(command, "--help")[1]
    assert "-q, --quiet" in out
    assert "-v, --verbose" in out


def test_progress_is_a_note_too(capsys: pytest.CaptureFixture[str]) -> None:
    with telling(Verbosity.QUIET):
        notes_console().print("so far")
    notes_console().print("from here")
    assert capsys.readouterr().err == "from here\n"


def test_details_stay_apart_from_what_is_piped() -> None:
    """In a process of its own: nothing but the result is on standard output, without PyTorch."""
    done = subprocess.run(
        [sys.executable, "-m", "askattend", "plan", "--images", "100", "--json", "-v"],
        capture_output=True,
        text=True,
        env={**os.environ, "NO_COLOR": "1"},
    )
    assert done.returncode == 0
    assert done.stdout.startswith("{")
    assert done.stderr.splitlines()[0].startswith("detail: askattend ")
