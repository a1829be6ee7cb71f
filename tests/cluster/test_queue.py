"""Shards are done once each, whatever becomes of those who do them."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from askattend.cluster.queue import BUSY_FOR, LOOK_AGAIN, MOST_LOSSES, ShardQueue
from askattend.errors import AskAttendError


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def name(shard: int) -> str:
    return f"part-{shard}"


@pytest.mark.parametrize("seed", range(200))
def test_each_shard_is_done_once_or_given_up(seed: int) -> None:
    chance, clock = random.Random(seed), Clock()
    queue = ShardQueue(range(9), name, clock)
    out: list[int] = []
    ended, losses = Counter[int](), Counter[int]()
    while not queue.finished:
        clock.now += LOOK_AGAIN
        queue.wake()
        if len(queue) and (not out or chance.random() < 0.5):
            out.append(queue.take())
        elif out:
            shard = out.pop(chance.randrange(len(out)))
            fate = chance.choice(("done", "back", "busy", "lost"))
            if fate == "done":
                queue.done(shard)
                ended[shard] += 1
            elif fate == "back":
                queue.put_back(shard)
            elif fate == "busy":
                queue.put_back_busy(shard)
            else:
                losses[shard] += 1
                ended[shard] += not queue.put_back_lost(shard, "killed")
    assert ended == Counter(range(9))
    assert max(losses.values(), default=0) <= MOST_LOSSES
    given_up = [shard for shard, count in losses.items() if count == MOST_LOSSES]
    if not given_up:
        queue.raise_if_given_up()
        return
    with pytest.raises(AskAttendError, match=f"{len(given_up)} shards ended .*part-.*killed"):
        queue.raise_if_given_up()


def test_a_shard_that_somebody_else_is_writing_is_waited_for_so_long() -> None:
    clock = Clock()
    queue = ShardQueue([4], name, clock)
    queue.put_back_busy(queue.take())
    queue.wake()
    assert not len(queue)
    clock.now = BUSY_FOR
    queue.wake()
    queue.put_back_busy(queue.take())
    clock.now += LOOK_AGAIN
    queue.wake()
    with pytest.raises(AskAttendError, match="another process has been writing part-4 for 120 s"):
        queue.put_back_busy(queue.take())
