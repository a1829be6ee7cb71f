"""The workers of a cluster: started where there is room, listened to, and replaced when lost."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal

from askattend.cluster.slots import Slot
from askattend.cluster.worker import Hello, Reply, Setup, Worker
from askattend.errors import AskAttendError

# Seconds between questions whether a worker is still there, and of silence after which it is not.
ASK_EVERY, SILENT_AFTER = 3.0, 20.0
# Seconds that each look at the workers' answers takes at most.
MOMENT = 0.5
# How often a process may be lost in one place before its first shard.
MOST_FAILED_STARTS = 3

_BESIDE = "beside"
# What Ray's longest messages say the cause with.
_TELLING = ("No module named", "memory", "exit code", "died", "killed")
Stage = Literal["starting", "loading", "idle", "working"]


@dataclass(frozen=True)
class Loss:
    """The end of a worker, in the place of a reply.

    Attributes:
        reason: what is known of it.
        host: True where its host is lost, too.
    """

    reason: str
    host: bool = False


@dataclass(eq=False)
class Member:
    """A worker, and what it is at.

    Attributes:
        slot: where it is.
        actor: by which Ray knows it.
        call: what it is to answer; None where it is idle.
        name: its host and process, once it has said them.
        shard: that it does.
        images: of that, which it has told to be done.
        question: whether it is there, where it has been asked; and when.
    """

    slot: Slot
    actor: Any
    call: Any
    stage: Stage = "starting"
    name: str = ""
    shard: int = -1
    images: int = 0
    question: Any = None
    asked: float = 0.0


class Crew:
    """Workers; nobody but this class calls Ray.

    Args:
        ray: Ray, joined.
        slots: where there is room.
        size: workers at once, at most.
        wait: seconds to wait while no worker at all is there.
        hello: arguments of a worker's first call.
        advance: called with images done, as workers tell of them.
    """

    def __init__(
        self,
        ray: Any,
        slots: Sequence[Slot],
        *,
        size: int,
        wait: float,
        hello: tuple[str, str],
        advance: Callable[[int], None],
    ) -> None:
        self._ray, self._free, self._size, self._wait = ray, deque(slots), size, wait
        self._hello, self._advance = hello, advance
        self._members: list[Member] = []
        self._failed: Counter[str] = Counter()
        self._present = time.monotonic()

    def __enter__(self) -> Crew:
        return self

    def __exit__(self, *error: object) -> None:
        for member in self._members:
            self._kill(member)

    @property
    def idle(self) -> list[Member]:
        """Those that have nothing to do."""
        return [member for member in self._members if member.stage == "idle"]

    def hire(self, shards: int) -> None:
        """Start workers while there is room, and shards that nobody is about to take."""
        coming = sum(member.stage != "working" for member in self._members)
        for _ in range(min(shards - coming, self._size - len(self._members))):
            if self._free:
                self._members.append(self._started(self._free.popleft()))

    def load(self, member: Member, setup: Setup) -> None:
        """Have a worker load what computes."""
        member.stage, member.call = "loading", member.actor.begin.remote(setup)

    def work(self, member: Member, shard: int, job: Any) -> None:
        """Have a worker do a shard."""
        self._failed.pop(member.slot.node, None)
        member.stage, member.shard, member.images = "working", shard, 0
        member.call = member.actor.do.remote(job)

    def rest(self, member: Member) -> None:
        """Have nothing for a worker to do."""
        member.stage, member.images = "idle", 0

    def listen(self) -> Iterator[tuple[Member, Reply | Hello | Loss]]:
        """Wait a moment; yield what workers answer, and whom of them are lost."""
        calls = {m.call: m for m in self._members if m.call is not None}
        questions = {m.question: m for m in self._members if m.question is not None}
        if not calls:
            time.sleep(MOMENT)
        else:
            refs = [*calls, *questions]
            self._ray.wait(refs, timeout=MOMENT)
            ready, _ = self._ray.wait(refs, num_returns=len(refs), timeout=0)
            for ref in ready:
                if ref in questions:
                    self._hear(questions[ref])
            for ref in ready:
                if ref in calls:
                    yield calls[ref], self._reply(calls[ref])
        yield from self._silent()
        self._ask()

    def dismiss(self, member: Member, *, for_good: bool) -> None:
        """Be done with a lost worker; its room is free again, unless the host itself is lost."""
        self._members.remove(member)
        self._advance(-member.images)
        self._kill(member)
        node = member.slot.node
        if member.stage in ("starting", "loading"):
            self._failed[node] += 1
        if for_good or self._failed[node] >= MOST_FAILED_STARTS:
            self._free = deque(slot for slot in self._free if slot.node != node)
        else:
            self._free.append(member.slot)

    def require_presence(self, reason: str) -> None:
        """Make sure that some worker is there, or may still come.

        Raises:
            AskAttendError: none is, and none will.
        """
        now = time.monotonic()
        if any(member.stage != "starting" for member in self._members):
            self._present = now
        lost = f"; the last: {reason}" if reason else ""
        remedy = "Look at `ray status`. Then run the same again: it goes on."
        if not self._members and not self._free:
            raise AskAttendError(f"no host of the cluster is left to compute{lost}", remedy=remedy)
        if now - self._present > self._wait:
            problem = f"no process of the cluster has begun within {self._wait:.0f} s{lost}"
            raise AskAttendError(
                problem, remedy=f"Others may hold its processors; --wait waits longer. {remedy}"
            )

    def _started(self, slot: Slot) -> Member:
        strategies = self._ray.util.scheduling_strategies
        # There and nowhere else: a host that is cut off counts as alive for a minute.
        there = strategies.NodeAffinitySchedulingStrategy(slot.node, soft=False)
        # Losses are counted here; what Ray repeats by itself is not told.
        made = self._ray.remote(
            num_cpus=slot.processors,
            num_gpus=slot.gpus,
            max_restarts=0,
            max_task_retries=0,
            concurrency_groups={_BESIDE: 1},
            scheduling_strategy=there,
        )
        actor = made(Worker).remote()
        return Member(slot, actor, actor.hello.remote(*self._hello))

    def _reply(self, member: Member) -> Reply | Hello | Loss:
        errors, call, member.call = self._ray.exceptions, member.call, None
        try:
            reply: Reply | Hello = self._ray.get(call, timeout=SILENT_AFTER)
        except errors.RayTaskError:
            raise  # a mistake of this program
        except errors.RayError as error:
            return _loss(error)
        return reply

    def _hear(self, member: Member) -> None:
        question, member.question = member.question, None
        with suppress(self._ray.exceptions.RayError):  # its call tells of that, too
            images = self._ray.get(question, timeout=SILENT_AFTER)
            if member.stage == "working":
                self._advance(images - member.images)
                member.images = images

    def _ask(self) -> None:
        now = time.monotonic()
        for member in self._members:
            busy = member.stage in ("loading", "working")
            if busy and member.question is None and now - member.asked > ASK_EVERY:
                beside = member.actor.images.options(concurrency_group=_BESIDE)
                member.asked, member.question = now, beside.remote()

    def _silent(self) -> Iterator[tuple[Member, Loss]]:
        now = time.monotonic()
        for member in list(self._members):
            if member.question is not None and now - member.asked > SILENT_AFTER:
                reason = f"{member.name} has given no sign for {SILENT_AFTER:.0f} s"
                yield member, Loss(reason, host=True)

    def _kill(self, member: Member) -> None:
        with suppress(Exception):  # it is gone already
            self._ray.kill(member.actor)


def _loss(error: Exception) -> Loss:
    """Say in a few words what Ray says in many."""
    kind = type(error).__name__
    if kind == "ActorUnschedulableError":
        return Loss("its host is gone", host=True)
    if kind == "ActorUnavailableError":
        return Loss("it cannot be reached")
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    told = [line for line in lines if any(word in line for word in _TELLING)]
    return Loss((told or lines or [kind])[0].rstrip(".:"))
