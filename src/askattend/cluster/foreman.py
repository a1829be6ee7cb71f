"""Shards done by a cluster: each is handed to a worker, and to another one where that is lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from askattend.cluster.admission import Admission
from askattend.cluster.config import ClusterConfig
from askattend.cluster.crew import Crew, Loss, Member
from askattend.cluster.queue import ShardQueue
from askattend.cluster.session import joined
from askattend.cluster.slots import Need, slots_of
from askattend.cluster.worker import Busy, Done, Hello, Refused, Reply, Setup, Unseen
from askattend.environment.terminal import print_line


@dataclass(frozen=True)
class Work:
    """Work to be done with shards.

    Attributes:
        setup: what a worker is told before its first shard.
        job: makes what it is told of a shard; the second is False once files of the shard were
            seen to be gone.
        name: calls a shard by its name.
        images: counts those of a shard.
        folder: that results go to, which all hosts share.
        need: what a worker needs.
    """

    setup: Setup
    job: Callable[[int, bool], Any]
    name: Callable[[int], str]
    images: Callable[[int], int]
    folder: Path
    need: Need


def do_shards(
    work: Work,
    shards: Sequence[int],
    config: ClusterConfig,
    *,
    console: Console,
    advance: Callable[[int], None],
) -> Iterator[tuple[int, Any]]:
    """Do shards on a cluster; yields each with what its worker returned, in any order.

    Args:
        work: what to do.
        shards: their numbers.
        config: which cluster.
        console: where notes go.
        advance: called with images done; with less than none where those of a lost worker must be
            done again.

    Raises:
        ConfigError: the cluster cannot be joined, versions differ, or a folder is not shared.
        AskAttendError: a worker met a mistake that the user can mend; no host is left; or shards
            ended their process, which are named once all others are done.
    """
    with joined(config) as ray, Admission(work.folder, console) as admission:
        slots = slots_of(ray.nodes(), work.need)
        size = min(config.actors or len(slots), len(slots), len(shards))
        hosts = len({slot.node for slot in slots[:size]})
        print_line(console, f"shards: {len(shards):,}; processes: {size}; hosts: {hosts}")
        with Crew(
            ray,
            slots,
            size=size,
            wait=config.wait,
            hello=admission.question,
            advance=advance,
        ) as crew:
            foreman = _Foreman(work, ShardQueue(shards, work.name), crew, admission, console)
            yield from foreman.run(advance)


class _Foreman:
    def __init__(
        self, work: Work, queue: ShardQueue, crew: Crew, admission: Admission, console: Console
    ) -> None:
        self._work, self._queue, self._crew = work, queue, crew
        self._admission, self._console = admission, console
        # Shards of which files were seen to be gone: they are broken then, as for one process.
        self._gone: set[int] = set()
        self._lost = ""

    def run(self, advance: Callable[[int], None]) -> Iterator[tuple[int, Any]]:
        queue, crew = self._queue, self._crew
        while not queue.finished:
            queue.wake()
            crew.hire(len(queue))
            for member in crew.idle[: len(queue)]:
                self._hand_out(member)
            for member, reply in crew.listen():
                images = member.images
                shard = member.shard if member.stage == "working" else None
                value = self._heard(member, reply)
                if shard is not None and isinstance(reply, Done):
                    advance(self._work.images(shard) - images)
                    yield shard, value
            crew.require_presence(self._lost)
        queue.raise_if_given_up()

    def _hand_out(self, member: Member) -> None:
        shard = self._queue.take()
        self._crew.work(member, shard, self._work.job(shard, shard not in self._gone))

    def _heard(self, member: Member, reply: Reply | Hello | Loss) -> Any:
        """Act on what a worker says; returns what comes of its shard."""
        match reply:
            case Loss():
                self._replace(member, reply)
            case Refused():
                raise reply.error(member.name)
            case Hello():
                self._admission.admit(reply)
                member.name = f"host {reply.host}"
                self._crew.load(member, self._work.setup)
            case Unseen():
                self._admission.require_gone(reply, member.name)
                self._gone.add(member.shard)
                self._queue.put_back(member.shard)
                self._crew.rest(member)
            case Busy():
                self._queue.put_back_busy(member.shard)
                self._crew.rest(member)
            case Done(value):
                if member.stage == "working":
                    self._queue.done(member.shard)
                self._crew.rest(member)
                return value
        return None

    def _replace(self, member: Member, loss: Loss) -> None:
        name = member.name or f"host {member.slot.host}"
        self._lost = loss.reason if loss.host else f"{name}: {loss.reason}"
        text = f"note: a process was lost ({self._lost})"
        if member.stage == "working":
            shard = member.shard
            if loss.host:
                self._queue.put_back(shard)
                again = True
            else:
                again = self._queue.put_back_lost(shard, loss.reason)
            more = "is done again" if again else "is given up"
            text = f"{text}; {self._work.name(shard)} {more}"
        print_line(self._console, text)
        self._crew.dismiss(member, for_good=loss.host)
