"""A run folder: the version of its layout, its weights, and how far its training has come."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from accepted import accept_run
from askattend.cli import main
from askattend.errors import RunError
from askattend.metrics.calibration import Calibration
from askattend.runs.run_folder import LAYOUT, Run
from small_networks import SPEC


@pytest.fixture
def broken_off(untrained: Run) -> Run:
    """A run with the best and the last weights, after a training of which little is told."""
    model = untrained.load_model()
    untrained.save_progress(model, {"optimizer.step": torch.tensor(7.0)}, b'{"told": "little"}')
    return untrained


def test_what_was_saved_is_loaded(broken_off: Run) -> None:
    assert Run.load(broken_off.folder) == broken_off
    model = broken_off.new_model()
    progress = broken_off.load_progress(model)
    assert progress is not None
    others, state = progress
    assert {name: value.item() for name, value in others.items()} == {"optimizer.step": 7}
    assert state == broken_off.progress_state() == b'{"told": "little"}'
    for name, tensor in broken_off.load_model("last").state_dict().items():
        assert torch.equal(tensor, model.state_dict()[name])
        assert torch.equal(tensor, broken_off.load_model("best").state_dict()[name])


@pytest.mark.parametrize(
    ("layout", "message"),
    [
        ("", r"earlier version of askattend \(.*Train it again, or import it again"),
        ("layout = 1", r"earlier version of askattend \(.*Train it again, or import it again"),
        ('layout = "new"', r"earlier version of askattend \("),
        (f"layout = {LAYOUT + 1}", rf"newer version of askattend \(layout {LAYOUT + 1}, .*Upgrade"),
    ],
)
def test_a_folder_of_another_layout_is_refused(
    broken_off: Run, layout: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = broken_off.folder / "config.toml"
    written = file.read_text()
    assert written.startswith(f"layout = {LAYOUT}\n")
    # An earlier version's settings may have other names: the layout is told first.
    older = written.replace(f"layout = {LAYOUT}", layout) + "[train]\nhalf_life = 50000\n"
    file.write_text(older)
    with pytest.raises(RunError, match=rf"^{broken_off.folder}: made by an? {message}"):
        Run.load(broken_off.folder)
    for command in (["ask", broken_off.folder, "x.png", "is it?"], ["evaluate", broken_off.folder]):
        refused(command, message, capsys)
    for more in (["--resume"], ["--resume", "--train.epochs", "3"]):
        refused(["train", "saaa", "--out", broken_off.folder, *more], message, capsys)
    assert file.read_text() == older


def refused(command: list[Any], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main([str(word) for word in command])
    assert stop.value.code == 2
    assert re.search(message, capsys.readouterr().err)


def test_progress_is_read_without_a_tensor(
    broken_off: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("askattend.runs.tensor_files.load", None)
    assert broken_off.progress_state() == b'{"told": "little"}'
    with pytest.raises(TypeError):
        broken_off.load_model("last")


def test_progress_that_is_not_there_or_not_told(broken_off: Run) -> None:
    last = broken_off.folder / "last.safetensors"
    last.write_bytes((broken_off.folder / "best.safetensors").read_bytes())
    accept_run(broken_off.folder)
    with pytest.raises(RunError, match=r"last\.safetensors: holds weights alone"):
        broken_off.progress_state()
    last.write_bytes(b"x")
    accept_run(broken_off.folder)
    with pytest.raises(RunError, match=r"last\.safetensors: unreadable"):
        broken_off.progress_state()
    last.unlink()
    accept_run(broken_off.folder)
    assert broken_off.progress_state() is None
    assert broken_off.load_progress(broken_off.new_model()) is None


def test_damaged_weights_are_named(broken_off: Run) -> None:
    best = broken_off.folder / "best.safetensors"
    best.write_bytes(best.read_bytes()[:100])
    with pytest.raises(RunError, match=r"best\.safetensors: is not as it was written: 100 bytes"):
        broken_off.load_model()
    accept_run(broken_off.folder)
    with pytest.raises(RunError, match=r"best\.safetensors: unreadable"):
        broken_off.load_model()
    best.unlink()
    with pytest.raises(RunError, match=r"best\.safetensors: is missing"):
        broken_off.load_model()


def test_weights_of_another_shape_are_named(broken_off: Run) -> None:
    wider = replace(broken_off, features=replace(SPEC, region_dim=9))
    with pytest.raises(RunError, match=r"'attention\.region\.weight' has shape \[5, 6\]"):
        wider.load_model()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (
            lambda t: t.index_fill(0, torch.tensor([1]), math.nan),
            "holds values that are not finite",
        ),
        (
            lambda t: t.index_fill(0, torch.tensor([0]), math.inf),
            "holds values that are not finite",
        ),
        (lambda t: t.double(), r"is of torch\.float64, expected torch\.float32"),
        (lambda t: t.to(torch.bfloat16), r"is of torch\.bfloat16, expected torch\.float32"),
    ],
)
def test_weights_that_are_no_weights_are_named(
    broken_off: Run, spoil: Callable[[Tensor], Tensor], message: str
) -> None:
    best = broken_off.folder / "best.safetensors"
    tensors = load_file(best)
    tensors["attention.region.weight"] = spoil(tensors["attention.region.weight"])
    save_file(tensors, best)
    accept_run(broken_off.folder)
    with pytest.raises(
        RunError, match=rf"best\.safetensors: 'attention\.region\.weight' {message}"
    ):
        broken_off.load_model()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("temperature", "0"),
        ("temperature", "-1"),
        ("temperature", "null"),
        ("temperature", "1e999"),
        ("unknown_slope", "-0.5"),
        ("questions", "-3"),
        ("abstain_above_risk", "7"),
        ("curve", '[{"threshold": 2, "coverage": 1, "risk": 0}]'),
        ("curve", '[{"threshold": 0.5, "coverage": 1, "risk": 0, "more": 1}]'),
        ("temprature", "1"),
    ],
)
def test_a_calibration_that_is_none_is_refused(broken_off: Run, field: str, value: str) -> None:
    broken_off.save_calibration(Calibration(1.0, 9, ()))
    file = broken_off.folder / "calibration.json"
    content = json.loads(file.read_text())
    content[field] = "VALUE"
    file.write_text(json.dumps(content).replace('"VALUE"', value))
    accept_run(broken_off.folder)
    with pytest.raises(RunError, match=r"calibration\.json: unreadable"):
        broken_off.load_calibration()


def test_without_a_curve_no_answer_keeps_within_a_risk() -> None:
    assert Calibration(1.0, 900, ()).threshold(0.1) > 1
    assert Calibration(1.0, 900, ()).threshold() == 0


def test_training_saves_suggestions(own: Path) -> None:
    folder = own / "runs" / "saaa"
    assert Run.load(folder).suggestions == ("What colour is it?", "is it red?")
    (folder / "suggestions.json").unlink()
    with pytest.raises(RunError, match=r"suggestions\.json: is missing"):
        Run.load(folder)
    accept_run(folder)
    assert Run.load(folder).suggestions == ()
    (folder / "suggestions.json").write_text('["what?", 7]')
    accept_run(folder)
    with pytest.raises(RunError, match=r"suggestions\.json: unreadable"):
        Run.load(folder)


def test_imported_runs_have_no_suggestions(imported: Run) -> None:
    assert Run.load(imported.folder).suggestions == ()
