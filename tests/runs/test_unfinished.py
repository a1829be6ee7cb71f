"""Trainings that were stopped: whoever uses the run is told the command that goes on."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from accepted import accept_run
from askattend.errors import RunError
from askattend.runs.run_folder import Run
from commands import Call


def told(text: str) -> list[str]:
    """The words of the command that a message ends with."""
    program, *words = shlex.split(text.partition("go on with: ")[2] or text.partition("with: ")[2])
    assert program == "askattend"
    return words


@pytest.mark.parametrize("command", ["ask", "evaluate", "predict", "pack"])
def test_without_weights(own: Path, call: Call, command: str, tmp_path: Path) -> None:
    run = own / "runs" / "saaa"
    for name in ("best.safetensors", "last.safetensors", "metrics.json"):
        (run / name).unlink()
    accept_run(run)
    (tmp_path / "questions.txt").write_text("is it red?\n")
    more: dict[str, list[object]] = {
        "ask": [own / "square 0.png", "is it red?"],
        "predict": ["--images", own, "--questions", tmp_path / "questions.txt", "--out", own / "x"],
        "pack": [tmp_path / "run.zip"],
    }
    status, _, err = call(command, run, *more.get(command, []))
    assert status == 2
    assert "training was stopped before there were weights to answer with. Go on with: " in err
    if command == "ask":
        assert call(*told(err))[0] == 0
        assert call("ask", run, *more["ask"])[::2] == (0, "")


def test_between_two_epochs(own: Path, call: Call) -> None:
    run, ask = own / "runs" / "saaa", ("is it red?",)
    config = run / "config.toml"
    config.write_text(config.read_text().replace("epochs = 2", "epochs = 3"))
    accept_run(run)
    status, _, err = call("ask", run, own / "square 0.png", *ask)
    assert (status, "training has not ended (2 of 3 epochs). If it was stopped" in err) == (0, True)
    assert "has not ended" in call("evaluate", run)[2]
    assert call(*told(err))[0] == 0
    assert call("ask", run, own / "square 0.png", *ask)[2] == ""


@pytest.mark.parametrize("networks", [["san"], ["saaa", "san"]])
def test_a_search(tmp_path: Path, networks: list[str]) -> None:
    candidates = [{"network": name, "data": "table:q q.csv"} for name in [*networks, "san"]]
    origins = [*range(len(networks)), 0]
    state = {"budget": 900.0, "candidates": candidates, "origins": origins, "drawn": 3}
    (tmp_path / "search.json").write_text(json.dumps(state))
    with pytest.raises(RunError, match="holds a search that was stopped, and no run yet") as raised:
        Run.load(tmp_path)
    network = networks[0] if len(networks) == 1 else "any"
    assert f"train {network} --data 'table:q q.csv' --out {tmp_path} --search 900s" in str(
        raised.value
    )
    (tmp_path / "search.json").write_text("{")
    with pytest.raises(RunError, match="not a run folder"):
        Run.load(tmp_path)
