"""What a run answers in, and what is said of it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from askattend.runs import answering
from askattend.runs.answering import notes_on_float32
from askattend.runs.run_folder import Run


def test_float32_is_noted_where_answers_are_not_in_it(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answering, "pick_precision", lambda name, device: torch.bfloat16)
    (note,) = notes_on_float32(Run.load(run))
    assert "bfloat16" in note
    monkeypatch.setattr(answering, "pick_precision", lambda name, device: torch.float32)
    assert not notes_on_float32(Run.load(run))
