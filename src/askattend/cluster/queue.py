"""Shards that wait for a worker, and what became of those that are no ordinary ones."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Sequence

from askattend.errors import AskAttendError, name_few

# How often a shard may end the process that does it.
MOST_LOSSES = 3
# Seconds after which a shard that somebody else is writing is looked at again, and given up.
LOOK_AGAIN, BUSY_FOR = 1.0, 120.0


class ShardQueue:
    """Shards in the order in which they are to be done.

    Args:
        shards: their numbers.
        name: calls a shard by its name.
        clock: tells the time in seconds.
    """

    def __init__(
        self,
        shards: Sequence[int],
        name: Callable[[int], str],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._waiting, self._name, self._clock = deque(shards), name, clock
        self._out: set[int] = set()
        # Of shards that somebody else is at: since when, and when to look again.
        self._since: dict[int, float] = {}
        self._again: dict[int, float] = {}
        self._losses: Counter[int] = Counter()
        self._given_up: dict[int, str] = {}

    def __len__(self) -> int:
        """Count the shards that could be done now."""
        return len(self._waiting)

    @property
    def finished(self) -> bool:
        """True once every shard is done or given up."""
        return not (self._waiting or self._out or self._again)

    def take(self) -> int:
        """Take the next shard out."""
        shard = self._waiting.popleft()
        self._out.add(shard)
        return shard

    def done(self, shard: int) -> None:
        """Note that a shard is done."""
        self._out.remove(shard)
        self._since.pop(shard, None)

    def put_back(self, shard: int) -> None:
        """Have a shard done by somebody else, which is no fault of its own."""
        self._out.remove(shard)
        self._waiting.append(shard)

    def put_back_busy(self, shard: int) -> None:
        """Look at a shard again in a moment: another process is writing it.

        Raises:
            AskAttendError: it has been for too long.
        """
        self._out.remove(shard)
        now = self._clock()
        if now - self._since.setdefault(shard, now) > BUSY_FOR:
            raise AskAttendError(
                f"another process has been writing {self._name(shard)} for {BUSY_FOR:.0f} s",
                remedy="Run the same again once it has ended; it goes on.",
            )
        self._again[shard] = now + LOOK_AGAIN

    def put_back_lost(self, shard: int, reason: str) -> bool:
        """Have a shard done again whose process was lost; False where that was once too often."""
        self._losses[shard] += 1
        if self._losses[shard] < MOST_LOSSES:
            # Behind all others, which may be innocent.
            self.put_back(shard)
            return True
        self._out.remove(shard)
        self._given_up[shard] = reason
        return False

    def wake(self) -> None:
        """Let shards that others were at be taken once it is time to look again."""
        now = self._clock()
        for shard in [shard for shard, when in self._again.items() if when <= now]:
            del self._again[shard]
            self._waiting.append(shard)

    def raise_if_given_up(self) -> None:
        """Raise the error of shards that were given up.

        Raises:
            AskAttendError: names them, with the last reason.
        """
        if not self._given_up:
            return
        names = name_few(self._name(shard) for shard in self._given_up)
        reason = list(self._given_up.values())[-1]
        raise AskAttendError(
            f"{len(self._given_up):,} shards ended their process {MOST_LOSSES} times, and are not "
            f"done: {names} ({reason}); all others are",
            remedy="With fewer --batch-size or --workers a process needs less memory; or leave out "
            "an image that its decoder does not survive. Then run the same again.",
        )
