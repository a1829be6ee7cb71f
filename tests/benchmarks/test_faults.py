"""Killed after a step of any write, or with a call that failed, work goes on to the same bytes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.faults.every_step import Trial
from benchmarks.faults.scenarios import scenarios, stopped_clocks

NAMES = ("extract", "train", "evaluate", "predict", "import log", "import features")
# What costs most is done to one of so many files here, and to all by `make faults`.
KILLED, FAILED = {"train": 2, "evaluate": 2}, {"train": 8, "evaluate": 4}


@pytest.fixture(scope="module")
def trials(tmp_path_factory: pytest.TempPathFactory, shared: Path) -> Iterator[dict[str, Trial]]:
    inputs = tmp_path_factory.mktemp("inputs")
    with stopped_clocks():
        found = scenarios(inputs, shared / "golden")
        trials = {s.name: Trial(s, tmp_path_factory.mktemp("work") / "folder") for s in found}
        assert set(trials) == set(NAMES)
        yield trials


@pytest.mark.parametrize("name", NAMES)
def test_killed_at_any_step_it_goes_on_to_the_same_bytes(
    trials: dict[str, Trial], name: str, tmp_path: Path
) -> None:
    trial = trials[name]
    every = KILLED.get(name, 1)
    trial.kill(tmp_path, all_states=False, every=every)
    assert trial.counts.lost == 0
    assert trial.counts.killed * every >= trial.steps.count("rename")


@pytest.mark.parametrize("name", NAMES)
def test_a_call_that_fails_is_told_and_the_same_again_completes(
    trials: dict[str, Trial], name: str
) -> None:
    trial = trials[name]
    cases = [*trial.some_failures(every=FAILED.get(name, 1))]
    trial.fail(cases)
    assert trial.counts.lost == 0
    assert trial.counts.failed - trial.counts.unheard >= len(cases) / 2
