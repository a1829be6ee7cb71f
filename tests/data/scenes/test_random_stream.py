"""Random integers: the same everywhere, derived by hand."""

from __future__ import annotations

import hashlib

from hypothesis import given
from hypothesis import strategies as st

from askattend.data.scenes.random_stream import RandomStream


def test_a_seed_is_the_same_everywhere_and_for_ever() -> None:
    """By hand: 8 bytes of BLAKE2b at a time, of the key and a counter."""
    blocks = b"".join(hashlib.blake2b(b"scene:7#%d" % counter).digest() for counter in range(3))
    words = [int.from_bytes(blocks[at : at + 8], "big") for at in range(0, len(blocks), 8)]
    rng = RandomStream("scene", 7)
    assert [rng.below(1000) for _ in words] == [word % 1000 for word in words]
    assert RandomStream(1, 2).below(2**64) != RandomStream(12).below(2**64)


@given(st.lists(st.integers(), max_size=9), st.integers())
def test_shuffling_keeps_everything(options: list[int], key: int) -> None:
    assert sorted(RandomStream(key).shuffled(options)) == sorted(options)
