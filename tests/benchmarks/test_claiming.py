"""Workers that die and come back fill each shard once; a simulation that sees it if they do not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from askattend.bulk.parts import Parts
from benchmarks.claiming import simulate

SEEDS = range(200)


def test_each_shard_exactly_once(tmp_path: Path) -> None:
    deaths = 0
    for seed in SEEDS:
        folder = tmp_path / str(seed)
        folder.mkdir()
        deaths += simulate(seed, folder).deaths
    assert deaths > len(SEEDS)


def test_a_seed_is_the_same_story_again(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).mkdir()
    assert simulate(7, tmp_path / "a") == simulate(7, tmp_path / "b")


def fails(tmp_path: Path) -> int:
    count = 0
    for seed in range(15):
        folder = tmp_path / str(seed)
        folder.mkdir()
        try:
            simulate(seed, folder)
        except (AssertionError, OSError):
            count += 1
    return count


def test_workers_that_claim_nothing_are_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def claim(self: Parts, number: int, *, wait: bool) -> Iterator[bool]:
        yield True

    monkeypatch.setattr(Parts, "claim", claim)
    assert fails(tmp_path)


def test_leftovers_are_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for place in ("askattend.files.whole", "askattend.bulk.plan", "benchmarks.claiming"):
        monkeypatch.setattr(f"{place}.sweep", lambda folder, name=None: None)
    assert fails(tmp_path)
