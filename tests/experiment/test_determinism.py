"""The same seed gives the same bytes, whatever else is at work beside the computation."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from safetensors import safe_open
from safetensors.numpy import load_file
from threadpoolctl import threadpool_limits

from askattend.cli import main
from askattend.devices import computing_threads
from commands import train_command
from squares import write_squares

# One network, and not its teachers: each learns as the others do.
ALONE = ("--recipe", "paper")
# Wide enough for the work to be divided among threads.
WIDE = ("--model.question-dim", 128, "--model.attention-dim", 256)
# Says when and how long, and what was asked for: not what comes of it.
CLOCK = re.compile("date|seconds|questions_per_second|workers|run")
# Of these, all that is not time is in the others; a run's manifest has the digests of all.
TIMES = re.compile(
    r"tensorboard/|log\.csv|README\.md|origin\.json|config\.toml|report\.html|\.seen|\.lock"
    r"|run/.*manifest\.json"
)


@pytest.fixture(params=[1, 2], ids="threads={}".format)
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    """So many threads compute: PyTorch's, and those of BLAS, which SciPy and scikit-learn use."""
    with threadpool_limits(request.param), computing_threads(request.param):
        yield request.param


def timeless(value: Any) -> Any:
    """Leave out what a clock says."""
    if isinstance(value, dict):
        return {key: timeless(v) for key, v in value.items() if not CLOCK.fullmatch(key)}
    return [timeless(each) for each in value] if isinstance(value, list) else value


def content_of(file: Path) -> object:
    """Return all of a file but for times: a training's state tells how long each epoch took."""
    if file.suffix == ".json":
        return timeless(json.loads(file.read_bytes()))
    if file.name in ("last.safetensors", "soft_answers.safetensors"):
        with safe_open(file, "np") as opened:
            told = timeless(json.loads(opened.metadata()["state"]))
        return told, {name: tensor.tobytes() for name, tensor in load_file(file).items()}
    return file.read_bytes()


def contents(folder: Path) -> dict[str, object]:
    files = {str(file.relative_to(folder)): file for file in folder.rglob("*") if file.is_file()}
    return {name: content_of(file) for name, file in files.items() if not TIMES.search(name)}


@pytest.mark.usefixtures("threads")
def test_however_many_decode(tmp_path: Path) -> None:
    table, found = write_squares(tmp_path), []
    questions = tmp_path / "questions.txt"
    questions.write_text("What colour is it?\n")
    for name, decoders in (("first", 0), ("second", 3)):
        run = tmp_path / name / "run"
        more = ("--extract.workers", decoders, *ALONE, *WIDE)
        main(train_command("saaa", table, run, *more))
        main(["evaluate", str(run), "--split", "test"])
        found.append(contents(tmp_path / name))
    assert {"run/best.safetensors", "run/last.safetensors", "run/metrics.json"} <= set(found[0])
    assert any(name.startswith("features/") for name in found[0])
    assert found[0].keys() == found[1].keys()
    assert [name for name in found[0] if found[0][name] != found[1][name]] == []


def test_another_seed_gives_other_bytes(tmp_path: Path) -> None:
    table, found = write_squares(tmp_path), []
    for seed in (0, 1):
        run = tmp_path / str(seed) / "run"
        main(train_command("saaa", table, run, *ALONE, "--train.seed", seed))
        found.append(contents(run))
    differing = {name for name in found[0] if found[0][name] != found[1][name]}
    assert {"best.safetensors", "last.safetensors", "metrics.json"} <= differing
