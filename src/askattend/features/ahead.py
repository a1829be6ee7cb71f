"""Calls made in threads, ahead of whoever takes their results."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


def call_ahead(
    calls: Iterable[Callable[[], T]], *, workers: int, ahead: int, name: str
) -> Generator[T, None, None]:
    """Make calls in threads, never more than `ahead` beyond what was taken; yields in order.

    Args:
        calls: made ready one by one, in the caller's thread.
        workers: threads; with 0, each call is made when it is asked for.
        ahead: at least 1.
        name: of the threads.
    """
    if not workers:
        yield from (call() for call in calls)
        return
    # Futures in order, not as they are done: a store's slots follow the images' order.
    waiting: deque[Future[T]] = deque()
    pool = ThreadPoolExecutor(workers, thread_name_prefix=name)
    try:
        for call in calls:
            waiting.append(pool.submit(call))
            # So many results at most lie in memory, however slow their taker is.
            if len(waiting) > ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        # Also where the caller stops half way: no thread outlives the work.
        pool.shutdown(cancel_futures=True)
