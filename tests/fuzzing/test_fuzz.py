"""Thousands of inputs for everything that reads what others wrote: read or refused, no more."""

from __future__ import annotations

import signal
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest

from fuzzing.mutations import inputs
from fuzzing.targets import Target, all_targets

INPUTS, OF_SLOW_ONES = 2000, 300
FOUND = Path(__file__).with_name("found")
SECONDS = 20  # that one input may take


@pytest.fixture(scope="module")
def targets(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Target]]:
    folder = tmp_path_factory.mktemp("fuzz")
    (store,) = (path for path in (trained / "runs" / "features").iterdir() if path.is_dir())
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ASKATTEND_CACHE", str(folder / "cache"))
        yield all_targets(folder, trained / "runs" / "saaa", store)


def findings(target: Target, made: Iterator[bytes]) -> dict[str, bytes]:
    """Map where something unexpected was raised → an input that raised it."""
    found: dict[str, bytes] = {}
    for content in made:
        signal.alarm(SECONDS)
        try:
            target.try_out(content)
        except Exception as error:
            last = traceback.extract_tb(error.__traceback__)[-1]
            found.setdefault(f"{type(error).__name__} {last.filename}:{last.lineno}", content)
        finally:
            signal.alarm(0)
    return found


def _count(target: Target) -> int:
    return OF_SLOW_ONES if target.slow else INPUTS


def test_every_input_is_read_or_refused(targets: dict[str, Target]) -> None:
    found = {
        (name, where): content[:200]
        for name, target in targets.items()
        for where, content in findings(target, inputs(target.seeds, _count(target), seed=0)).items()
    }
    assert not found


@pytest.mark.parametrize("file", sorted(FOUND.glob("*-*")), ids=lambda file: file.name)
def test_what_was_found_once(file: Path, targets: dict[str, Target]) -> None:
    targets[file.name.rpartition("-")[0].replace("_", " ")].try_out(file.read_bytes())
