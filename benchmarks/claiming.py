"""A seeded simulation of workers that claim shards, work, die and come back.

The functions that claim, write and vouch for shards are the real ones, over a real folder. Each
worker is a thread, of which one at a time moves, by one step: before every operation on a file, and
before every row, it waits for its turn. A seed decides who is next, and who dies there: whoever is
dead does nothing more, its cleaning up included, and loses its locks, as a killed process does.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import secrets
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any
from unittest import mock

from filelock import FileLock, Timeout
from rich.console import Console

from askattend.bulk import parts as parts_module
from askattend.bulk.answering import ShardAnswerer
from askattend.bulk.engine import _fill
from askattend.bulk.items import Item, Items
from askattend.bulk.parts import Parts, Status, part_name
from askattend.bulk.rows import Row
from askattend.features.shares import parts_of_share
from askattend.files import sweep, system_calls
from benchmarks.turns import Turns, Worker

SHARDS, IMAGES, WORKERS = 4, 3, 3
PLAN = "plan"


@dataclass(frozen=True)
class Outcome:
    """The outcome of a seed.

    Attributes:
        deaths: of workers.
        steps: of all.
        vouched: shard → how often a status was put in place for it.
    """

    deaths: int
    steps: int
    vouched: Counter[str]


class _Items(Items):
    """Images of shards, which nobody looks at."""

    def __init__(self) -> None:
        pass  # there is no list on the disk

    def part(self, number: int) -> list[Item]:
        return [Item(f"{number}-{image}.jpg") for image in range(IMAGES)]


class _Answerer(ShardAnswerer):
    """Rows that take a step each; refuses two workers at one shard."""

    _own: tuple[Turns, dict[str, Worker | None]]

    def __init__(self, turns: Turns) -> None:
        at = dict[str, Worker | None]()
        object.__setattr__(self, "_own", (turns, at))  # frozen, and without a network

    def rows(
        self,
        items: Sequence[Item],
        broken: dict[str, str],
        advance: Callable[[int], None] = lambda count: None,
    ) -> Generator[Row, None, None]:
        turns, at = self._own
        first = items[0].image
        other = at.get(first)
        assert other is None or other.ended or other.dead, f"two workers at {first}"
        at[first] = turns.worker()
        for item in items:
            turns.step()
            yield Row(item.image, "is it red?", answer="yes", probability=0.5, sure=True)
        broken[first] = "cut off"
        advance(len(items))
        at[first] = None


def simulate(seed: int, folder: Path) -> Outcome:
    """Let workers fill a folder, some of them dying, until all shards are done; check all of it.

    Raises:
        AssertionError: a shard is lost, doubled, written by two at once, or has other bytes than
            one worker alone gives it; or something unfinished is left.
    """
    turns = Turns(seed)
    if turns.random.random() < 0.3:
        _damage(folder, turns)
    vouched: Counter[str] = Counter()
    answerer = _Answerer(turns)
    shares = [turns.random.choice(["", "", f"{n + 1}/{WORKERS}"]) for n in range(WORKERS)]
    with _stepping(turns, vouched):

        def start(slot: int, number: int) -> Worker:
            return Worker(number, turns, lambda: _work(folder, shares[slot], answerer))

        workers = [start(slot, 1000 + slot) for slot in range(WORKERS)]
        while alive := [slot for slot in range(WORKERS) if not workers[slot].ended]:
            slot = turns.random.choice(alive)
            turns.give(workers[slot])
            if workers[slot].ended and workers[slot].dead:
                workers[slot] = start(slot, workers[slot].number + WORKERS)
        # Shares may leave shards to nobody; what is left is done by a last one.
        last = (
            start(0, 9999)
            if shares[0] == ""
            else Worker(9999, turns, lambda: _work(folder, "", answerer))
        )
        while not last.ended:
            turns.deaths_left = 0
            turns.give(last)
    _check(folder, vouched)
    return Outcome(turns.deaths, turns.steps, vouched)


def _parts(folder: Path) -> Parts:
    return Parts(folder, plan=PLAN, format="jsonl", attention=False)


def _work(folder: Path, share: str, answerer: _Answerer) -> None:
    sweep(folder)  # as `settle_plan` does for whoever comes
    parts = _parts(folder)
    todo = [number for number in parts_of_share(share, SHARDS) if parts.done(number) is None]
    quiet = Console(quiet=True)
    for _ in _fill(parts, _Items(), todo, answerer, lambda count: None, quiet):
        pass


def _damage(folder: Path, turns: Turns) -> None:
    """Leave a shard whose bytes are not those that its status vouches for."""
    _write_alone(folder)
    damaged = turns.random.randrange(SHARDS)
    for number in range(SHARDS):
        if number == damaged:
            with (folder / f"{part_name(number)}.jsonl").open("ab") as file:
                file.write(b"more\n")
        else:
            for file_name in (f"{part_name(number)}.jsonl", f"{part_name(number)}.json"):
                (folder / file_name).unlink()


def _write_alone(folder: Path) -> None:
    _work(folder, "", _Answerer(Turns(0)))


def _check(folder: Path, vouched: Counter[str]) -> None:
    """Hold a folder to what one worker alone makes."""
    assert vouched == {f"{part_name(n)}.json": 1 for n in range(SHARDS)}, dict(vouched)
    with TemporaryDirectory() as kept:
        _write_alone(Path(kept))
        expected = {file.name: file.read_bytes() for file in Path(kept).glob("part-*")}
    found = {file.name: file.read_bytes() for file in folder.glob("part-*")}
    assert len(expected) == 2 * SHARDS
    assert found == expected
    sweep(folder)  # as the next command there does: the last to die left what no one has swept
    left = [file.name for file in folder.glob(".*") if file.suffix != ".lock"]
    assert not left, f"left over: {left}"
    statuses = [_parts(folder).done(number) for number in range(SHARDS)]
    assert all(isinstance(status, Status) and status.rows == IMAGES for status in statuses)


@contextmanager
def _stepping(turns: Turns, vouched: Counter[str]) -> Iterator[None]:
    """Make every operation on a file a step of the worker that does it."""
    replace, open_, unlink, flock = os.replace, os.open, os.unlink, fcntl.flock
    path_open, read_bytes, path_unlink = Path.open, Path.read_bytes, Path.unlink

    class SteppingLock(FileLock):
        def acquire(self, timeout: float | None = None, *given: Any, **more: Any) -> Any:
            worker = turns.worker()
            while True:
                turns.step()
                if worker is not None and self not in worker.locks:
                    worker.locks.append(self)
                try:
                    return super().acquire(0, *given, **more)
                except Timeout:
                    if timeout == 0:
                        raise

    def stepping(function: Callable[..., Any]) -> Callable[..., Any]:
        def stepped(*args: Any, **more: Any) -> Any:
            turns.step()
            return function(*args, **more)

        return stepped

    def replaced(source: Any, target: Any) -> None:
        turns.step()
        replace(source, target)
        if turns.worker() is not None and Path(target).suffix == ".json":
            vouched[Path(target).name] += 1

    def locked(fd: int, operation: int) -> None:
        if operation != fcntl.LOCK_UN:  # which the system does for the dead
            turns.step()
        flock(fd, operation)

    holders: dict[int, Worker | None] = {}
    sweeping: dict[int, int] = {}  # a sweeper's handle → the file that it holds
    names, close = Random(turns.random.random()), os.close

    def hold(handle: int, *, wait: bool) -> bool:
        """Take the lock of a file that is being written, or swept; it ends with a worker."""
        file = os.fstat(handle).st_ino
        while True:
            turns.step()
            holder = holders.get(file)
            # What is new can be held by a sweeper alone: files get the numbers of others that went.
            is_held = holder is not None and not (holder.dead or holder.ended)
            if not is_held or (wait and file not in sweeping.values()):
                break
            if not wait:
                return False
        holders[file] = turns.worker()
        if not wait:
            sweeping[handle] = file
        return True

    def closed(handle: int) -> None:
        if handle in sweeping:
            holders.pop(sweeping.pop(handle), None)
        close(handle)

    def named(count: int) -> str:
        return f"{names.getrandbits(8 * count):0{2 * count}x}"

    with (
        mock.patch.object(parts_module, "FileLock", SteppingLock),
        mock.patch.object(os, "replace", replaced),
        mock.patch.object(os, "open", stepping(open_)),
        mock.patch.object(os, "unlink", stepping(unlink)),
        mock.patch.object(os, "fsync", stepping(lambda fd: None)),
        mock.patch.object(system_calls, "hold", hold),
        mock.patch.object(os, "close", closed),
        mock.patch.object(secrets, "token_hex", named),
        mock.patch.object(fcntl, "flock", locked),
        mock.patch.object(Path, "open", stepping(path_open)),
        mock.patch.object(Path, "read_bytes", stepping(read_bytes)),
        mock.patch.object(Path, "unlink", stepping(path_unlink)),
    ):
        yield


def main() -> None:
    """Simulate many seeds, and say what was met."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=10_000)
    parser.add_argument("--first", type=int, default=0)
    options = parser.parse_args()
    deaths = steps = 0
    memory = Path("/dev/shm")
    for seed in range(options.first, options.first + options.seeds):
        with TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
            try:
                outcome = simulate(seed, Path(folder))
            except BaseException:
                print(f"seed {seed}: failed")
                raise
        deaths, steps = deaths + outcome.deaths, steps + outcome.steps
    print(
        f"{options.seeds:,} seeds: {steps:,} steps, {deaths:,} deaths; each of {SHARDS} shards "
        "exactly once, with the same bytes"
    )


if __name__ == "__main__":
    main()
