"""A run folder: the version of its layout, its weights, and how far its training has come."""

from __future__ import annotations

import re
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open

from askattend.cli import main
from askattend.data.vocab import AnswerVocab, WordVocab
from askattend.errors import RunError
from askattend.features.spec import FeatureSpec
from askattend.models import SAAAConfig
from askattend.runs.run_folder import LAYOUT, Run

SPEC = FeatureSpec("made", "0" * 16, 64, (0.5,) * 3, (0.5,) * 3, 2, 2, 8, "float32")
NETWORK = SAAAConfig(embedding_dim=3, question_dim=4, attention_dim=5, hidden_dim=6)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A run with the best and the last weights, after a training of which little is told."""
    made = Run(
        tmp_path / "run",
        {"network": "saaa", "model": asdict(NETWORK)},
        WordVocab.build(["what is it"]),
        AnswerVocab(("a", "b")),
        None,
        SPEC,
    )
    made.save()
    model = made.new_model()
    made.save_weights(model)
    made.save_progress(model, {"optimizer.step": torch.tensor(7.0)}, b'{"told": "little"}')
    return made


def test_what_was_saved_is_loaded(run: Run) -> None:
    assert Run.load(run.folder) == run
    model = run.new_model()
    progress = run.load_progress(model)
    assert progress is not None
    others, state = progress
    assert {name: value.item() for name, value in others.items()} == {"optimizer.step": 7}
    assert state == run.progress_state() == b'{"told": "little"}'
    for name, tensor in run.load_model("last").state_dict().items():
        assert torch.equal(tensor, model.state_dict()[name])
        assert torch.equal(tensor, run.load_model("best").state_dict()[name])


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
    run: Run, layout: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = run.folder / "config.toml"
    written = file.read_text()
    assert written.startswith(f"layout = {LAYOUT}\n")
    # An earlier version's settings may have other names: the layout is told first.
    older = written.replace(f"layout = {LAYOUT}", layout) + "[train]\nhalf_life = 50000\n"
    file.write_text(older)
    with pytest.raises(RunError, match=rf"^{run.folder}: made by an? {message}"):
        Run.load(run.folder)
    for command in (["ask", run.folder, "x.png", "is it?"], ["evaluate", run.folder]):
        refused(command, message, capsys)
    for more in (["--resume"], ["--resume", "--train.epochs", "3"]):
        refused(["train", "saaa", "--out", run.folder, *more], message, capsys)
    assert file.read_text() == older


def refused(command: list[Any], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main([str(word) for word in command])
    assert stop.value.code == 2
    assert re.search(message, capsys.readouterr().err)


def test_progress_is_read_without_a_tensor(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    class MetadataAlone:
        def __init__(self, *arguments: Any, **options: Any) -> None:
            self._file: Any = safe_open(*arguments, **options)

        def __enter__(self) -> MetadataAlone:
            return self

        def __exit__(self, *_: object) -> None: ...

        def metadata(self) -> Any:
            return self._file.metadata()

    monkeypatch.setattr("askattend.runs.run_folder.safe_open", MetadataAlone)
    assert run.progress_state() == b'{"told": "little"}'
    with pytest.raises(AttributeError):
        run.load_model("last")


def test_progress_that_is_not_there_or_not_told(run: Run) -> None:
    last = run.folder / "last.safetensors"
    last.write_bytes((run.folder / "best.safetensors").read_bytes())
    with pytest.raises(RunError, match=r"last\.safetensors: holds weights alone"):
        run.progress_state()
    last.write_bytes(b"x")
    with pytest.raises(RunError, match=r"last\.safetensors: unreadable"):
        run.progress_state()
    last.unlink()
    assert run.progress_state() is None
    assert run.load_progress(run.new_model()) is None


def test_damaged_weights_are_named(run: Run) -> None:
    best = run.folder / "best.safetensors"
    best.write_bytes(best.read_bytes()[:100])
    with pytest.raises(RunError, match=r"best\.safetensors: unreadable"):
        run.load_model()
    best.unlink()
    with pytest.raises(RunError, match=r"best\.safetensors: missing"):
        run.load_model()


def test_weights_of_another_shape_are_named(run: Run) -> None:
    wider = replace(run, features=replace(SPEC, region_dim=9))
    with pytest.raises(RunError, match=r"'attention\.region\.weight' has shape \[5, 8\]"):
        wider.load_model()
