"""Random integers that are the same on every machine, for ever."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")


class RandomStream:
    """A stream of random integers that depends on its key alone.

    BLAKE2b in counter mode: no library's generator may change what a seed means.

    Args:
        key: what names the stream; each part is told apart by its text.
    """

    def __init__(self, *key: object) -> None:
        self._words = _words(":".join(map(str, key)).encode())

    def below(self, bound: int) -> int:
        """Draw a number in 0 … bound-1; uniform but for one part in 2^64 / bound."""
        return next(self._words) % bound

    def between(self, low: int, high: int) -> int:
        """Draw a number in low … high, both included."""
        return low + self.below(high - low + 1)

    def choice(self, options: Sequence[T]) -> T:
        """Draw one of the options."""
        return options[self.below(len(options))]

    def shuffled(self, options: Sequence[T]) -> list[T]:
        """Return the options in random order (Fisher and Yates)."""
        shuffled = list(options)
        for last in range(len(shuffled) - 1, 0, -1):
            other = self.below(last + 1)
            shuffled[last], shuffled[other] = shuffled[other], shuffled[last]
        return shuffled


def _words(key: bytes) -> Iterator[int]:
    """Yield 64 random bits at a time."""
    counter = 0
    while True:
        block = hashlib.blake2b(key + b"#%d" % counter).digest()
        yield from (int.from_bytes(block[at : at + 8], "big") for at in range(0, 64, 8))
        counter += 1
