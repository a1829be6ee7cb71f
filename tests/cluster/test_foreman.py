"""Shards handed out to workers that die, refuse, or find somebody else at it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from askattend.cluster.config import ClusterConfig
from askattend.cluster.foreman import Work, do_shards
from askattend.cluster.slots import Need
from askattend.errors import AskAttendError, ConfigError, DataError
from cluster.tasks import Setup

pytestmark = [pytest.mark.xdist_group("ray"), pytest.mark.usefixtures("ray")]


def done(folder: Path, words: Sequence[str]) -> tuple[Any, int, str]:
    """Do shards; return what came of each, how many images were told, and what was printed."""
    told: list[int] = []
    work = Work(
        setup=Setup(folder),
        job=lambda number, checked: (words[number] if checked else "", number),
        name=lambda number: f"shard {number}",
        images=lambda number: 1,
        folder=folder,
        need=Need(threads=1),
    )
    config = ClusterConfig(engine="ray")
    with (folder / "log").open("w") as log:
        console = Console(file=log, width=200)
        shards = do_shards(work, range(len(words)), config, console=console, advance=told.append)
        found = dict(shards)
    return found, sum(told), (folder / "log").read_text()


def test_the_lost_and_the_busy_are_done_again_and_the_missing_looked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "die once").touch()
    (tmp_path / "busy").touch()
    words = ["", "die once", "busy", f"unseen {tmp_path / 'nowhere'}", ""]
    found, told, printed = done(tmp_path, words)
    assert found == {number: number * number for number in range(5)}
    assert told == 5
    assert "shard 1 is done again" in printed
    assert {file.name for file in tmp_path.iterdir()} == {"log"}
    # Ray's own words about the dead would be among the results.
    assert capsys.readouterr().out == ""


def test_a_shard_that_ends_its_process_is_named_and_the_rest_done(tmp_path: Path) -> None:
    with pytest.raises(AskAttendError, match=r"1 shards ended .* 3 times.*: shard 1 .*died"):
        done(tmp_path, ["", "die", "", ""])
    assert (tmp_path / "log").read_text().count("shard 1 is done again") == 2


def test_mistakes_of_the_user_are_told_with_their_host(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"^shard \(on host .*, process \d+\): is wrong. Mend it.$"):
        done(tmp_path, ["refuse"])
    (tmp_path / "here").touch()
    with pytest.raises(ConfigError, match=r"does not see .*here, which this host sees"):
        done(tmp_path, [f"unseen {tmp_path / 'here'}"])
