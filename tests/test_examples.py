"""The examples run, and show what they say they show."""

from __future__ import annotations

import importlib.util
import re
import types
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).resolve().parents[1]


def example(name: str) -> types.ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "examples" / f"{name}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("batch", [1, 2])
def test_random_data_shows_every_shape(batch: int, capsys: pytest.CaptureFixture[str]) -> None:
    example("random_data").main(
        f"--batch-size {batch} --side 3 --region-dim 5 --words 4 --question-dim 6 --glimpses 2"
        " --answers 7".split()
    )
    lines = capsys.readouterr().out.splitlines()
    steps = [line for line in lines if " × " in line and "✓" not in line]
    names = "regions tokens question normalised scores attention attended combined logits"
    assert " ".join(line.split()[0] for line in steps) == names
    for line, sizes in zip(
        steps, ("9 × 5", "4", "6", "9 × 5", "2 × 9", "2 × 9", "2 × 5", "16", "7"), strict=True
    ):
        assert line.endswith(f" {batch} × {sizes}")
    # In a terminal the hat of v̂ takes no room: all columns begin where the others' do.
    seen = [re.sub("\u0302", "", line) for line in steps]
    assert len({tuple(gap.end() for gap in re.finditer(" {2,}", line)) for line in seen}) == 1
    assert sum("✓" in line for line in lines) == 5
    assert sum(line.startswith("question ") and "probability" in line for line in lines) == batch


def test_random_data_would_notice_a_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    lesson = example("random_data")
    original: Callable[..., torch.Tensor] = lesson.weighted_sum
    monkeypatch.setattr(lesson, "weighted_sum", lambda *inputs: original(*inputs) * 1.01)
    with pytest.raises(AssertionError, match="not so: the loop is the library's weighted sum"):
        lesson.main([])


def test_random_data_refuses_nothing_at_all(capsys: pytest.CaptureFixture[str]) -> None:
    for value, said in (("0", "0 is less than 1"), ("x", "--words: 'x' is not a whole number")):
        with pytest.raises(SystemExit):
            example("random_data").main(["--words", value])
        assert said in capsys.readouterr().err
