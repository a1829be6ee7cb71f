"""A task whose shards do what their job says."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from askattend.cluster.worker import Busy, Done, Reply, Unseen
from askattend.errors import DataError


@dataclass(frozen=True)
class Setup:
    """What a worker is told: a folder of files named after what happens once."""

    folder: Path

    @contextmanager
    def opened(self) -> Iterator[Task]:
        yield Task(self.folder)


@dataclass(frozen=True)
class Task:
    folder: Path

    def do(self, job: Any, advance: Callable[[int], None]) -> Reply:
        word, number = job
        first = (self.folder / word).is_file()
        if first:
            (self.folder / word).unlink()
        if word == "die" or (word == "die once" and first):
            os.kill(os.getpid(), signal.SIGKILL)
        if word == "busy" and first:
            return Busy()
        if word == "refuse":
            raise DataError("is wrong", where="shard", remedy="Mend it.")
        if word.startswith("unseen"):
            return Unseen(word.partition(" ")[2])
        advance(1)
        return Done(number * number)
