"""The nouns of WordNet 3.0, read from its own database files, and the similarity of two of them.

The files' format is described by WordNet's manual page wndb(5WN). Only what is needed is read: the
index is searched where it lies, and a synset's line is parsed when it is first met.
"""

from __future__ import annotations

import mmap
import os
import sys
from collections.abc import Iterator, Mapping
from functools import cache, cached_property
from pathlib import Path
from zipfile import BadZipFile, ZipFile

from askattend.errors import DataError
from askattend.files.archives import read_part
from askattend.files.limits import MEBIBYTE

VARIABLE = "ASKATTEND_WORDNET"
VERSION = "3.0"
FILES = ("index.noun", "data.noun", "noun.exc")
_REMEDY = (
    "Get it by `apt-get install wordnet-base` or `python -m nltk.downloader wordnet`, "
    f"or name the folder of its files (index.noun, …) in the environment variable {VARIABLE}."
)
# Pointers to hypernyms ("is a kind of") and instance hypernyms ("is one of").
_MOST = 64 * MEBIBYTE  # of a file; the largest has 15
_HYPERNYMS = ("@", "@i")
# Endings of plurals, and of their singulars: WordNet's own rules (morphy(7WN)).
_PLURAL_ENDINGS = (
    ("s", ""),
    ("ses", "s"),
    ("ves", "f"),
    ("xes", "x"),
    ("zes", "z"),
    ("ches", "ch"),
    ("shes", "sh"),
    ("men", "man"),
    ("ies", "y"),
)

Content = bytes | mmap.mmap


class WordNet:
    """The nouns of WordNet, each with what it is a kind of.

    A synset (one sense, with the words that name it) is known by its offset in ``data.noun``.

    Args:
        content: file name → content, for each of `FILES`.
        where: where they come from, for messages.

    Raises:
        DataError: it is not WordNet 3.0: another version's figures are not comparable.
    """

    def __init__(self, content: Mapping[str, Content], *, where: object) -> None:
        self.where = where
        self._index, self._data = content["index.noun"], content["data.noun"]
        self._irregular = content["noun.exc"]
        if f"WordNet {VERSION} Copyright".encode() not in self._data[:4096]:
            raise DataError(f"is not WordNet {VERSION}", where=where, remedy=_REMEDY)
        self._steps: dict[int, dict[int, int]] = {}
        # Steps of the shortest and of the longest way to the root.
        self._depths: dict[int, tuple[int, int]] = {}
        self._names: dict[int, str] = {}

    @classmethod
    def find(cls) -> WordNet:
        """Open the first in the usual places: of Debian's package, of NLTK's downloads.

        Where the environment variable ``ASKATTEND_WORDNET`` is set, it alone counts: a folder that
        holds the files, or one of NLTK's data, or NLTK's ``wordnet.zip``.

        Raises:
            DataError: it is nowhere, unreadable or of another version.
        """
        named = os.environ.get(VARIABLE)
        for root in [Path(named).expanduser()] if named else _usual_folders():
            for folder in (root, root / "dict", root / "corpora" / "wordnet"):
                if all((folder / name).is_file() for name in FILES):
                    return cls({name: _map_file(folder / name) for name in FILES}, where=folder)
            for file in (root, root / "corpora" / "wordnet.zip"):
                if file.suffix == ".zip" and file.is_file():
                    return cls(_unzip(file), where=file)
        if named:
            raise DataError("no WordNet there", where=f"{VARIABLE}={named}", remedy=_REMEDY)
        raise DataError("WordNet is not installed", remedy=_REMEDY)

    def synsets(self, word: str) -> tuple[int, ...]:
        """List the senses of a noun in any number, "newspapers" as "newspaper"; none if unknown.

        Most frequent first; words of several parts are joined by underscores. The word's own
        senses come before those of what it may be a plural of.
        """
        form = word.lower()
        forms = [form, *(self._exceptions.get(form) or _possible_singulars(form))]
        return tuple(offset for one in dict.fromkeys(forms) for offset in self._senses(one))

    def similarity(self, one: int, other: int) -> float:
        """Return the Wu-Palmer similarity of two synsets, in (0, 1]; 0 if nothing subsumes both.

        2·d / (l₁ + l₂ + 2·d), with d the depth of the lowest common subsumer, the root's being 1,
        and l₁, l₂ the least number of steps between it and each synset (Wu & Palmer 1994).

        Where synsets have several hypernyms, this is what NLTK computes: the lowest is that of the
        greatest depth by the shortest way to the root; of equally low ones `one` itself, else the
        first by name; and d is its depth by the longest way. So it is not always symmetric.
        """
        from_one, from_other = self._hypernym_steps(one), self._hypernym_steps(other)
        common = from_one.keys() & from_other.keys()
        if not common:
            return 0.0
        depths = self._depths
        lowest = max(depths[synset][0] for synset in common)
        subsumers = [synset for synset in common if depths[synset][0] == lowest]
        if one in subsumers:
            subsumer = one
        else:
            subsumer = min(subsumers, key=self._name) if len(subsumers) > 1 else subsumers[0]
        # The shortest way to the subsumer may lead over something above both, as NLTK has it.
        above = self._hypernym_steps(subsumer)
        between = min(from_one[synset] + steps for synset, steps in above.items())
        between += min(from_other[synset] + steps for synset, steps in above.items())
        depth = depths[subsumer][1] + 1
        return 2 * depth / (between + 2 * depth)

    def _hypernym_steps(self, synset: int) -> dict[int, int]:
        """Map all that a synset is a kind of, itself included, to the least number of steps to it.

        The depths of them all are known afterwards.
        """
        if synset not in self._steps:
            steps = {synset: 0}
            _, hypernyms = self._synset(synset)
            for hypernym in hypernyms:
                for ancestor, distance in self._hypernym_steps(hypernym).items():
                    steps[ancestor] = min(steps.get(ancestor, distance + 1), distance + 1)
            shortest = min((self._depths[one][0] for one in hypernyms), default=-1) + 1
            longest = max((self._depths[one][1] for one in hypernyms), default=-1) + 1
            self._steps[synset], self._depths[synset] = steps, (shortest, longest)
        return self._steps[synset]

    def _name(self, synset: int) -> str:
        """Name a synset by its first word and the number of this sense of it: ``"chair.n.01"``."""
        if synset not in self._names:
            word = self._synset(synset)[0]
            number = self._senses(word).index(synset) + 1
            self._names[synset] = f"{word}.n.{number:02}"
        return self._names[synset]

    def _synset(self, offset: int) -> tuple[str, tuple[int, ...]]:
        """Read a synset's first word, and the synsets that it is a kind of."""
        end = self._data.find(b"\n", offset)
        try:
            fields = self._data[offset:end].decode("latin-1").partition(" | ")[0].split()
            if int(fields[0]) != offset:
                raise ValueError
            pointers = 4 + 2 * int(fields[3], 16)  # after offset, file, kind, count and the words
            symbols = range(pointers + 1, pointers + 1 + 4 * int(fields[pointers]), 4)
            hypernyms = tuple(int(fields[i + 1]) for i in symbols if fields[i] in _HYPERNYMS)
            return fields[4].lower(), hypernyms
        except (ValueError, IndexError):
            raise DataError(
                f"no synset at byte {offset} of data.noun", where=self.where, remedy=_REMEDY
            ) from None

    def _senses(self, word: str) -> tuple[int, ...]:
        """Read the offsets of a word's synsets from its line of the index, by binary search."""
        wanted = word.encode()
        low, high = 0, len(self._index)
        while low < high:  # lines from `low` on that start before `high` may be the one
            start = self._index.rfind(b"\n", 0, (low + high) // 2) + 1
            end = self._index.find(b"\n", start)
            line = self._index[start : end if end >= 0 else len(self._index)]
            found = line.partition(b" ")[0]
            if found == wanted and wanted:  # the licence's lines, which come first, start blank
                fields = line.split()
                return tuple(int(field) for field in fields[-int(fields[2]) :])
            if found < wanted:
                low = start + len(line) + 1
            else:
                high = start
        return ()

    @cached_property
    def _exceptions(self) -> dict[str, list[str]]:
        """Plurals that follow no rule → their singulars."""
        lines = self._irregular[:].decode("latin-1").splitlines()
        return {fields[0]: fields[1:] for fields in map(str.split, lines) if fields}


@cache
def installed_wordnet() -> WordNet:
    """Open the WordNet of this machine, once.

    Raises:
        DataError: see `WordNet.find`.
    """
    return WordNet.find()


def _possible_singulars(form: str) -> list[str]:
    return [form[: -len(end)] + other for end, other in _PLURAL_ENDINGS if form.endswith(end)]


def _map_file(file: Path) -> Content:
    with file.open("rb") as opened:
        return mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ)


def _unzip(file: Path) -> dict[str, Content]:
    try:
        with ZipFile(file) as archive:
            return {name: read_part(archive, f"wordnet/{name}", _MOST) for name in FILES}
    except (BadZipFile, KeyError, OSError) as error:
        raise DataError(f"unreadable ({error})", where=file, remedy=_REMEDY) from None


def _usual_folders() -> Iterator[Path]:
    yield Path("/usr/share/wordnet")
    if "WNHOME" in os.environ:  # where WordNet's own programs look
        yield Path(os.environ["WNHOME"])
    yield from map(Path, filter(None, os.environ.get("NLTK_DATA", "").split(os.pathsep)))
    yield Path.home() / "nltk_data"
    prefix = Path(sys.prefix)
    yield from (prefix / "nltk_data", prefix / "share" / "nltk_data", prefix / "lib" / "nltk_data")
    for folder in ("/usr/share", "/usr/local/share", "/usr/lib", "/usr/local/lib"):
        yield Path(folder) / "nltk_data"
    yield Path("/usr/local/WordNet-3.0")
