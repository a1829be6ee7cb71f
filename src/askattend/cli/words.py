"""The words of a command as they are meant: home folders, and what a table's columns are called."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from askattend.data.readers.reader import OPTIONS
from askattend.errors import ConfigError
from askattend.files import readable

_COLUMNS = "--columns"
# A path that begins in a home folder: by itself, as an option's value, or a source's.
_HOME = re.compile(r"((?:--[\w.-]+=)?(?:[\w-]+:)?)(~[^\s=]*.*)", re.DOTALL)
# The folders that these name are written to and read by libraries that take UTF-8 alone.
_WRITTEN = ("--out", "--features")
_IMAGE = re.compile(
    r"[^\s?？]*\.(avif|bmp|gif|heic|jfif|jp2|jpe?g?|p[bgn]m|png|ppm|tiff?|webp)", re.IGNORECASE
)
_TABLE = re.compile(r"(--[\w.-]+=)?(table|parquet|arrow):")
# The hub's name is one of questions where they are asked for, and else that of a run or backbone.
_HUB, _DATA = "hf:", "--data"
_TAKE_QUESTIONS = ("data", "extract")


def as_meant(words: Sequence[str], command: str = "") -> list[str]:
    """Return a command's words with ``~`` as the home folder, and with named columns in the source.

    A shell expands a ``~`` only where a word begins with it; here it is one in ``--out=~/runs`` and
    ``table:~/q.csv``, too.

    Raises:
        ConfigError: columns are named, and no table.
    """
    meant = _with_columns([_in_home(word) for word in words], command)
    for before, word in zip(("", *meant), meant, strict=False):
        option, equals, value = word.partition("=")
        given = value if equals and option in _WRITTEN else word if before in _WRITTEN else ""
        if readable(given) != given:
            raise ConfigError(
                "the path is not UTF-8, as files of features and weights need it",
                where=readable(given),
                remedy="Choose another name.",
            )
    return meant


def check_questions(questions: Iterable[str]) -> None:
    """Refuse words that are no questions: another image's name, or bytes that are no UTF-8.

    Raises:
        ConfigError: one is such a word.
    """
    for question in questions:
        if readable(question) != question:
            problem = f"the question is not UTF-8: {readable(question)}"
            raise ConfigError(problem, remedy="Set the terminal to UTF-8, and type it again.")
        if _IMAGE.fullmatch(question) or os.path.isfile(question):
            raise ConfigError(
                f"'{question}' names an image, not a question",
                remedy="Ask about one image at a time: the run, the image, then questions.",
            )


def _in_home(word: str) -> str:
    found = _HOME.fullmatch(word)
    # "~5 cm?" is no path.
    if found is None or not re.match(r"~[\w.-]*(/|$)", found[2]):
        return word
    try:
        return found[1] + str(Path(found[2]).expanduser())
    except RuntimeError:  # of nobody
        return word


def _with_columns(words: Sequence[str], command: str) -> list[str]:
    """Move ``--columns image=Bild,question=Frage`` to the end of the sources that have columns."""
    left: list[str] = []
    named: list[str] = []
    after = False
    for word in words:
        if after or word.startswith(f"{_COLUMNS}="):
            named.append(word.removeprefix(f"{_COLUMNS}="))
            after = False
        elif word == _COLUMNS:
            after = True
        else:
            left.append(word)
    if after or any(not re.fullmatch(OPTIONS, text) or "=," in f"{text}," for text in named):
        raise ConfigError(
            "tells no columns",
            where=_COLUMNS,
            remedy="Write --columns image=Bild,question=Frage; a heading with a comma, an equals "
            "sign or a slash in double quotes: --columns 'image=\"Bild, gross\"'.",
        )
    if not named:
        return left
    before = ["", *left]
    sources = [_has_columns(word, before[at], at, command) for at, word in enumerate(left)]
    if not any(sources):
        remedy = "Name a source table:FILE, parquet:PATH, arrow:PATH or hf:USER/NAME, too."
        raise ConfigError("belongs to a table, and none is named", where=_COLUMNS, remedy=remedy)
    return [
        ",".join((word, *_named_in(word, named))) if is_source else word
        for word, is_source in zip(left, sources, strict=True)
    ]


def _has_columns(word: str, before: str, at: int, command: str) -> bool:
    """Tell if a word is a source whose columns can be named."""
    if _TABLE.match(word):
        return True
    asked = word.startswith(f"{_DATA}={_HUB}") or (before == _DATA and word.startswith(_HUB))
    return asked or (at == 0 and command in _TAKE_QUESTIONS and word.startswith(_HUB))


def _named_in(word: str, named: Sequence[str]) -> list[str]:
    """Return named columns as a source has them: `split` of a data set chooses some of it."""
    if (found := _TABLE.match(word)) is not None and found[2] == "table":
        return list(named)
    return [re.sub(r"(^|,)split=", r"\1split_column=", text) for text in named]
