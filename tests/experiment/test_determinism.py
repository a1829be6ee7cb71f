"""The same seed gives the same bytes, whatever else is at work beside the computation."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from threadpoolctl import threadpool_limits

from askattend.cli import main
from askattend.devices import computing_threads
from commands import train_command
from squares import write_squares

# Large enough for the work to be divided among threads.
LARGE = ("--model.embedding-dim", 64, "--model.question-dim", 256, "--model.attention-dim", 256)


@pytest.fixture(params=[1, 2], ids="threads={}".format)
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    """So many threads compute: PyTorch's, and those of BLAS, which SciPy and scikit-learn use."""
    with threadpool_limits(request.param), computing_threads(request.param):
        yield request.param


@pytest.fixture
def table(tmp_path: Path) -> Path:
    return write_squares(tmp_path)


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(f.relative_to(folder)): f.read_bytes() for f in folder.rglob("*") if f.is_file()}


@pytest.mark.parametrize("network", ["saaa", "san"])
@pytest.mark.usefixtures("threads")
def test_training_and_evaluating(network: str, table: Path, tmp_path: Path) -> None:
    found = []
    for name, decoders in (("first", 0), ("second", 3)):
        folder = tmp_path / name
        more = ("--extract.workers", decoders, *LARGE)
        main(train_command(network, table, folder / "run", *more))
        main(["evaluate", str(folder / "run"), "--split", "test"])
        found.append(files_of(folder))
    assert found[0].keys() == found[1].keys()
    assert {name for name in found[0] if found[0][name] != found[1][name]} == set()
