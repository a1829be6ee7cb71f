"""A scenario that is killed after its steps, or of which steps fail; then gone on with."""

from __future__ import annotations

import errno
import os
import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tensorboardX.proto.event_pb2 import Event

from askattend.errors import AskAttendError
from askattend.files.manifest import MANIFEST
from benchmarks.faults.disk import ERRORS, FLUSHES, contents, failing_step, watched_steps
from benchmarks.faults.scenarios import Scenario

_EVENTS = re.compile(r"(.*)/events\.out\.tfevents\..*")
# Of no use to anybody once a process is gone, and kept by no promise.
_LOCKS = re.compile(r"(.*/)?\.[^/]*(lock|seen)")
# Training goes on without them, and a manifest still says so.
_LOGS = ("events", "log.csv", MANIFEST)


@dataclass
class Counts:
    """Counts of what was done to a scenario.

    Attributes:
        steps: of it, undisturbed.
        killed: instants after which it was.
        failed: calls that failed.
        unheard: those of them after which it was done all the same, being mere tidying or logs.
        lost: cases that did not end with the same bytes, or whose message named nothing.
    """

    steps: int = 0
    killed: int = 0
    failed: int = 0
    unheard: int = 0
    lost: int = 0


class Trial:
    """A scenario in a folder of its own, with what is to come of it.

    Args:
        scenario: it.
        folder: does not exist; made anew for each case.
    """

    def __init__(self, scenario: Scenario, folder: Path) -> None:
        self.scenario, self.folder = scenario, folder
        self.steps: list[str] = []
        self.counts = Counts()
        self._begin()
        self.before = comparable(folder)
        with watched_steps(before=lambda name, given: self.steps.append(name)):
            scenario.work(folder)
        self.expected = comparable(folder)
        self.counts.steps = len(self.steps)

    def _begin(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        self.scenario.prepare(self.folder)

    def kill(self, kept: Path, *, all_states: bool, every: int = 1) -> None:
        """Copy the folder as a process leaves it that is killed after a step; go on from each copy.

        Args:
            kept: a folder for copies.
            all_states: after every step; else each visible state once, with what is unfinished
                beside it empty, half written and whole in turn.
            every: of so many of these, one.
        """
        self._begin()
        copies: list[tuple[Path, str]] = []
        wanted = _Instants(all_states)

        def copy(name: str, given: tuple[Any, ...]) -> None:
            if wanted.take(name):
                at = kept / str(len(copies))
                shutil.copytree(self.folder, at, symlinks=True)
                copies.append((at, name))

        with watched_steps(after=copy):
            self.scenario.work(self.folder)
        for at, name in copies[::every]:
            shutil.rmtree(self.folder)
            at.rename(self.folder)
            self.counts.killed += 1
            self._go_on(f"killed after step {at.name} ({name})")

    def fail(self, cases: Sequence[tuple[int, int]]) -> None:
        """Let a step fail, and go on on a disk that works.

        Args:
            cases: number of the step, and of the error.
        """
        for number, code in cases:
            self._begin()
            case = f"{errno.errorcode[code]} at step {number} ({self.steps[number]})"
            self.counts.failed += 1
            with failing_step(number, code):
                told = self._message()
            if told is None:
                self.counts.unheard += 1
                self._compare(f"{case}, which nobody heard", but=_LOGS)
            elif os.strerror(code) not in told or str(self.folder) not in told:
                self._lost(f"{case}: the message says '{told}'")
            self._require_intact(case)
            self._go_on(case)

    def _require_intact(self, case: str) -> None:
        """Hold each file to what it was before, or is in the end; a manifest may stand between."""
        found = comparable(self.folder)
        for name, content in self.before.items():
            allowed = content, self.expected.get(name, content)
            if name not in found or (found[name] not in allowed and MANIFEST not in name):
                self._lost(f"{case}: {name} is neither the old nor the new")

    def _message(self) -> str | None:
        try:
            self.scenario.work(self.folder)
        except (AskAttendError, OSError) as error:
            return str(error)
        return None

    def _go_on(self, case: str) -> None:
        self.scenario.work(self.folder)
        self._compare(case)

    def _compare(self, case: str, but: tuple[str, ...] = ()) -> None:
        found, expected = comparable(self.folder), self.expected
        names = (n for n in found.keys() | expected.keys() if Path(n).name not in but)
        if differing := sorted(n for n in names if found.get(n) != expected.get(n)):
            self._lost(f"{case}: {', '.join(differing)}")

    def _lost(self, what: str) -> None:
        self.counts.lost += 1
        print(f"{self.scenario.name}: {what}", flush=True)

    def all_failures(self) -> Iterator[tuple[int, int]]:
        """List every step, each with another error than the one before."""
        for number in range(len(self.steps)):
            yield number, ERRORS[number % len(ERRORS)]

    def some_failures(self, every: int = 1) -> Iterator[tuple[int, int]]:
        """List a step of each file, another kind and another error each time.

        Args:
            every: of so many files, one.
        """
        starts = [n for n, name in enumerate(self.steps) if name in ("create", "open_end")]
        for turn, start in enumerate(starts[::every]):
            following = [*starts, len(self.steps)][starts.index(start) + 1]
            length = following - start
            yield start + turn % length, ERRORS[turn % len(ERRORS)]


class _Instants:
    """The choice of the steps after which a process is killed."""

    def __init__(self, all_states: bool) -> None:
        self._all, self._turn, self._at = all_states, 0, 0

    def take(self, name: str) -> bool:
        if name in FLUSHES:
            return False  # they change nothing for whoever comes after
        if self._all or name not in ("create", "write", "rename", "open_end"):
            return True
        if name in ("create", "open_end"):
            self._at = 0
            self._turn += 1
        elif name == "write":
            self._at += 1
        else:
            return False  # the next file's first state is this one's last
        return self._at == self._turn % 3


def comparable(folder: Path) -> dict[str, object]:
    """Read a folder; of TensorBoard's files, what they tell, whatever their names and times."""
    found: dict[str, object] = {}
    for name, content in contents(folder).items():
        if _LOCKS.fullmatch(name):
            continue
        if (events := _EVENTS.fullmatch(name)) is None:
            found[name] = content
        else:
            assert content is not None
            found.setdefault(events[1] + "/events", [])
            found[events[1] + "/events"] += _told(content)  # type: ignore[operator]
    return found


def _told(content: bytes) -> list[tuple[int, str, float]]:
    told, at = [], 0
    while at < len(content):
        length = int.from_bytes(content[at : at + 8], "little")
        event = Event.FromString(content[at + 12 : at + 12 + length])
        told += [(event.step, value.tag, value.simple_value) for value in event.summary.value]
        at += 16 + length
    return told
