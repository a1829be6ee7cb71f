"""A discrete simulation of items that pass through stages: decode, backbone, network, writer.

Each stage has workers, a time an item, and bounded room before it. Time goes from event to event;
nothing is drawn by chance, so that the same stages give the same times.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from askattend.errors import ConfigError


@dataclass(frozen=True)
class Stage:
    """One step that every item goes through.

    Attributes:
        name: of the stage.
        seconds: that one worker needs for an item.
        workers: that work side by side.
        batch: items that a worker takes together; the last ones may be fewer.
        room: items that may wait before it, at least `batch`; of the first stage, any number.
        overhead: seconds a batch, beside those of its items.
        on: what a worker needs one of while it works, such as a core, or the GPU; ``""`` for
            nothing that others need as well.
    """

    name: str
    seconds: float
    workers: int = 1
    batch: int = 1
    room: int = 1
    overhead: float = 0.0
    on: str = ""

    def __post_init__(self) -> None:
        if min(self.workers, self.batch) < 1 or self.room < self.batch:
            raise ConfigError(
                "a stage needs a worker, an item a batch, and room for a batch", where=self.name
            )
        if not (0 <= self.seconds < float("inf") and 0 <= self.overhead < float("inf")):
            raise ConfigError("times must be finite and not negative", where=self.name)


@dataclass(frozen=True)
class Simulated:
    """Result of a simulation.

    Attributes:
        seconds: until the last item is through.
        items: that went through.
        busy: stage → seconds that its workers worked, all together.
        waited: stage → seconds that items waited before it, all together.
        queue_area: stage → items waiting before it, integrated over time: Little's law makes it
            equal to `waited`.
    """

    seconds: float
    items: int
    busy: dict[str, float]
    waited: dict[str, float]
    queue_area: dict[str, float]

    @property
    def rate(self) -> float:
        """Items a second, start-up included."""
        return self.items / self.seconds if self.seconds else float("inf")


class _Queue:
    """Items before one stage of one process, and the workers that serve them."""

    def __init__(self, stage: Stage) -> None:
        self.stage, self.free = stage, stage.workers
        self.arrived: deque[float] = deque()
        # Workers of the stage before that hold items for which there is no room.
        self.blocked: deque[list[int]] = deque()
        self.busy = self.waited = self.area = self.changed = 0.0

    def change(self, now: float) -> None:
        """Add up how many waited since the last change."""
        self.area += len(self.arrived) * (now - self.changed)
        self.changed = now

    def take(self, now: float, count: int) -> None:
        """Let the first `count` items begin."""
        self.change(now)
        self.waited += sum(now - self.arrived.popleft() for _ in range(count))
        self.free -= 1


class _Process:
    """One process's stages, and how many of its items each has yet to see."""

    def __init__(self, stages: Sequence[Stage], items: int) -> None:
        self.queues = [_Queue(stage) for stage in stages]
        self.to_come = [items] * len(stages)  # not yet begun, in each stage
        self.through = 0

    def arrive(self, place: int, count: int, now: float) -> None:
        """Put items before a stage, as far as there is room; the first has room for all."""
        queue = self.queues[place]
        queue.change(now)
        queue.arrived.extend([now] * count)

    def ready(self, place: int) -> int:
        """Return how many items a worker of the stage can begin with now; 0 if it must wait."""
        queue = self.queues[place]
        wanted = min(queue.stage.batch, self.to_come[place])
        return wanted if queue.free and wanted and len(queue.arrived) >= wanted else 0

    def hand_over(self, place: int, now: float) -> None:
        """Move what workers of the stage before hold into the room before this one."""
        queue = self.queues[place]
        while queue.blocked:
            held = queue.blocked[0]
            count = min(held[0], queue.stage.room - len(queue.arrived))
            self.arrive(place, count, now)
            held[0] -= count
            if held[0]:
                return
            queue.blocked.popleft()
            self.queues[place - 1].free += 1


class _Clock:
    """Events in time, and what all processes share."""

    def __init__(self, processes: Sequence[_Process], shared: Mapping[str, int]) -> None:
        self.processes, self.free = processes, dict(shared)
        self.now, self._number = 0.0, 0
        self._events: list[tuple[float, int, int, int, int]] = []

    def begin(self, which: int) -> None:
        """Start whatever a process can start, the last stages first."""
        process, started = self.processes[which], True
        while started:
            started = False
            for place in reversed(range(len(process.queues))):
                started |= self._begin_one(which, process, place)

    def _begin_one(self, which: int, process: _Process, place: int) -> bool:
        queue, count = process.queues[place], process.ready(place)
        stage = queue.stage
        if not count or self.free.get(stage.on) == 0:
            return False
        if stage.on in self.free:
            self.free[stage.on] -= 1
        queue.take(self.now, count)
        process.to_come[place] -= count
        process.hand_over(place, self.now)
        seconds = stage.overhead + count * stage.seconds
        queue.busy += seconds
        self._number += 1
        heapq.heappush(self._events, (self.now + seconds, self._number, which, place, count))
        return True

    def run(self) -> None:
        """Go from event to event until nothing is left to happen."""
        turn = 0
        while True:
            # Whoever was first is last the next time: the cores are shared evenly.
            for offset in range(len(self.processes)):
                self.begin((turn + offset) % len(self.processes))
            turn += 1
            if not self._events:
                return
            self.now, _, which, place, count = heapq.heappop(self._events)
            self._end(self.processes[which], place, count)

    def _end(self, process: _Process, place: int, count: int) -> None:
        stage = process.queues[place].stage
        if stage.on in self.free:
            self.free[stage.on] += 1
        if place + 1 == len(process.queues):
            process.queues[place].free += 1
            process.through += count
            return
        process.queues[place + 1].blocked.append([count])
        process.hand_over(place + 1, self.now)


def simulate(
    stages: Sequence[Stage],
    items: int,
    *,
    processes: int = 1,
    shared: Mapping[str, int] = MappingProxyType({}),
    startup: float = 0.0,
) -> Simulated:
    """Simulate processes that have an even part of the items each, and every stage of their own.

    Args:
        stages: in order, names distinct.
        items: of all processes together.
        processes: side by side.
        shared: name → how many there are of what all processes share, such as cores.
        startup: seconds before the first item, in every process.

    Raises:
        ConfigError: there is no stage, item, process or core.
    """
    if not stages or min(items, processes, *shared.values()) < 1:
        raise ConfigError("a simulation needs a stage, an item, a process and a core")
    shares = [items * (n + 1) // processes - items * n // processes for n in range(processes)]
    every = [_Process(stages, share) for share in shares]
    for process, share in zip(every, shares, strict=True):
        process.arrive(0, share, 0.0)
    clock = _Clock(every, shared)
    clock.run()
    assert sum(process.through for process in every) == items, "an item was lost on its way"
    totals = {
        name: {
            stage.name: sum(getattr(process.queues[place], name) for process in every)
            for place, stage in enumerate(stages)
        }
        for name in ("busy", "waited", "area")
    }
    return Simulated(clock.now + startup, items, totals["busy"], totals["waited"], totals["area"])


def bound(
    stages: Sequence[Stage],
    *,
    processes: int = 1,
    shared: Mapping[str, int] = MappingProxyType({}),
) -> float:
    """Return the most items a second that the stages allow: the least of their rates.

    Stages that share something have a common limit as well: how many there are of it, divided by
    their seconds together.
    """
    seconds = [(stage, stage.seconds + stage.overhead / stage.batch) for stage in stages]
    limits = [processes * stage.workers / each for stage, each in seconds if each]
    for name, count in shared.items():
        together = sum(each for stage, each in seconds if stage.on == name)
        limits += [count / together] if together else []
    return min(limits, default=float("inf"))
