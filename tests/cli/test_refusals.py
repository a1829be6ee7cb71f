"""Mistakes in options: one line that says what, where, and what to do, and status 2."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest

from askattend.cli import COMMANDS
from askattend.cli.console import parse
from askattend.cli.refusals import nearest_options
from cli.test_console import Circle
from commands import Call

TRAIN = "train saaa --data x --out y"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("evaluate r --splt x", "evaluate: unknown option '--splt'. Did you mean --split? All"),
        (f"{TRAIN} --epochs 3", "unknown option '--epochs'. Did you mean --train.epochs? All"),
        (f"{TRAIN} --train.epoch=3", "'--train.epoch'. Did you mean --train.epochs? All"),
        (f"{TRAIN} --image_size 3", "'--image_size'. Did you mean --extract.image-size? All"),
        (f"{TRAIN} --dropout 1", "Did you mean --model.dropout? All"),
        (f"{TRAIN} --zzz 1", "train saaa: unknown option '--zzz'. All options: askattend train"),
        ("evaluate r --verbos", "unknown option '--verbos'. Did you mean --verbose? All"),
        ("evaluate r -x", "evaluate: unknown option '-x'. All options: askattend evaluate --help."),
        ("train saaa --data x --ouut y", "unknown option '--ouut'. Did you mean --out? All"),
        (f"{TRAIN} --train.epochs many", "--train.epochs: 'many' is not a whole number. All"),
        (f"{TRAIN} --train.learning-rate x", "--train.learning-rate: 'x' is not a number. All"),
        (f"{TRAIN} --recipe smal", "--recipe: unknown value 'smal'. Did you mean 'small'? All"),
        ("completion csh", "unknown value 'csh'. Did you mean 'zsh'? All options: askattend comp"),
        ("evaluate r --split", "evaluate: --split lacks its value. All options: askattend eval"),
        ("evaluate r what is it", "does not know what to do with 'what' 'is' 'it'. Put what has"),
        ("score --wups x.json", "score: missing: --data. All options: askattend score --help."),
        ("pack --jsn r f", "pack: unknown option '--jsn'. "),
        ("train --data x --out y", "train: no network named. Name it first: saaa, san, "),
        ("cache --older-than x", "cache: --older-than: 'x' is not a number. All options: "),
        ("evaluate r --SPLIT x", "unknown option '--SPLIT'. Did you mean --split? All"),
        ("evaluate r --json=true", "does not know what to do with 'true'. Leave it out. All"),
        (
            "trace --batch 2",
            "trace: unknown option '--batch'. Did you mean --batch-size? All",
        ),
    ],
)
def test_a_mistake_is_one_line(words: str, message: str, call: Call) -> None:
    status, out, err = call(*words.split())
    assert (status, out) == (2, "")
    assert err.startswith(f"askattend: askattend {words.split()[0]}")
    assert message in err
    assert err.count("\n") == 1
    assert "│" not in err


@pytest.mark.parametrize("command", COMMANDS)
def test_no_command_has_a_frame_for_them(command: str, call: Call) -> None:
    """Whatever stands before it: an unknown form, or words that are missing."""
    first = {"train": "saaa", "trace": "saaa", "import": "hdf5", "completion": "bash"}.get(
        command, "x"
    )
    status, _, err = call(command, first, "x", "x", "--no-such-option")
    assert status == 2
    assert "unknown option '--no-such-option'" in err
    assert err.count("\n") == 1


def test_options_are_known_by_their_last_part() -> None:
    known = ["--train.epochs", "--model.dropout", "--train.dropout", "--out", "--no-abstention"]
    assert nearest_options("--dropout", known) == ["--model.dropout", "--train.dropout"]
    assert nearest_options("-out", known) == ["--out"]
    assert nearest_options("--no_abstension", known) == ["--no-abstention"]
    assert nearest_options("--quick", known) == []
    assert nearest_options("--batch", ["--train.batch-size", "--out"]) == ["--train.batch-size"]


def test_another_tyro_tells_it_in_its_own_way(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What mistakes are taken from is no public part of it, and may be gone one day."""
    for other in (ModuleType("tyro._errors"), None):
        monkeypatch.setitem(sys.modules, "tyro._errors", other)
        assert parse(Circle, ["--radius", "2"], "draw") == Circle(2)
        with pytest.raises(SystemExit):
            parse(Circle, ["--radis", "2"], "draw")
        assert "--radis" in "".join(capsys.readouterr())
