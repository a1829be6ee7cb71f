"""Inputs made of good ones: bits flipped, parts cut, doubled and exchanged, tokens put between."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence

TOKENS = (
    *(b"null", b"true", b"1e999", b"NaN", b"-1", b"0", b"1.5", b"9" * 25, b"9" * 5000, b"1e400"),
    *(b'""', b"[]", b"{}", b"[[[[", b'{"":', b'"\\ud800"', b"\\u0000", b"\xff", b"\xc3", b"\0"),
    *(b"\n", b"\r\n", b'"', b",", b"|", b"\t", b"=", b"\xef\xbb\xbf", b"\xff\xfe", b"\x1f\x8b"),
    *(b"../", b"/dev/zero", b"~", b"\x1b[2J", b"\x80\x00\x00\x00", b"\xff\xff\xff\xff"),
    *(b"--", b"Content-Length: 9", b"#REF!", b"\xe2\x80\xae", b"1970-01-01", b"inf", b"a.b.c=1\n"),
)


def inputs(seeds: Sequence[bytes], count: int, *, seed: int) -> Iterator[bytes]:
    """Yield the seeds, and so many inputs made of them; the same for the same seed."""
    rng = random.Random(seed)
    yield from seeds
    for _ in range(count):
        content = bytearray(rng.choice(seeds))
        for _ in range(rng.choice((1, 1, 1, 2, 3, 8))):
            rng.choice(_CHANGES)(content, rng, seeds)
        yield bytes(content)


def _place(content: bytearray, rng: random.Random) -> int:
    return rng.randrange(len(content) + 1)


def _part(content: bytes | bytearray, rng: random.Random) -> slice:
    start = rng.randrange(len(content) + 1)
    return slice(start, start + rng.choice((1, 2, 4, 16, 64, len(content))))


def _flip(content: bytearray, rng: random.Random, seeds: Sequence[bytes]) -> None:
    if content:
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)


def _set(content: bytearray, rng: random.Random, seeds: Sequence[bytes]) -> None:
    if content:
        content[rng.randrange(len(content))] = rng.choice((0, 1, 127, 128, 255, rng.randrange(256)))


def _cut(content: bytearray, rng: random.Random, seeds: Sequence[bytes]) -> None:
    del content[_part(content, rng)]


def _double(content: bytearray, rng: random.Random, seeds: Sequence[bytes]) -> None:
    part = content[_part(content, rng)]
    at = _place(content, rng)
    content[at:at] = part * rng.choice((1, 1, 2, 30))


def _insert(content: bytearray, rng: random.Random, seeds: Sequence[bytes]) -> None:
    at = _place(content, rng)
    content[at:at] = rng.choice(TOKENS)


def _replace(content: bytearray, rng: random.Random, seeds: Sequence[bytes]) -> None:
    content[_part(content, rng)] = rng.choice(TOKENS)


def _exchange(content: bytearray, rng: random.Random, seeds: Sequence[bytes]) -> None:
    other = rng.choice(seeds)
    content[_part(content, rng)] = other[_part(other, rng)]


_CHANGES: tuple[Callable[[bytearray, random.Random, Sequence[bytes]], None], ...] = (
    *(_flip, _set, _cut, _double, _insert, _replace, _exchange),
)
