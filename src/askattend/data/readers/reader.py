"""The declaration that a reader of questions makes of itself."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from askattend.data.questions import QASet
from askattend.errors import DataError, did_you_mean

_OPTION = r'\w+=(?:"[^"]*"|[^,=/"]*)'
# Options as they follow a path, without the comma before the first.
OPTIONS = rf"{_OPTION}(?:,{_OPTION})*"


@dataclass(frozen=True)
class Reader:
    """A way to read one format of questions, and what help texts say of it.

    Attributes:
        about: what it reads, in a few words.
        read: makes the questions from the path after the colon; from nothing where `place` is
            None; from the recipe, as text, where there is one.
        place: what the path names (``"DIR"``, ``"FILE"``), or None for a source without one.
        example: a place as a user would write it.
        canonical: the one way to write a recipe, for a source that follows a recipe in place of a
            path. The recipe may be left out.
        suffixes: endings of file names that tell this format.
        options: key → its values, the default first, which follow a path as ``,KEY=VALUE`` and are
            handed to `read` by their names. A key without values takes any; in double quotes, one
            with a comma, an equals sign or a slash.
        is_path: False where what stands after the colon is a name, the same from any folder.
        requires_images: True where `read` refuses missing images, unless it is told
            ``images=False``; other readers note them.
    """

    about: str
    read: Callable[..., QASet]
    place: str | None = None
    example: str = ""
    canonical: Callable[[str], str] | None = None
    suffixes: tuple[str, ...] = ()
    options: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    requires_images: bool = False
    is_path: bool = True

    def syntax(self, name: str) -> str:
        """Return how a source is written, by the name that the reader is registered under."""
        if self.place is None:
            return name
        return f"{name}[:{self.place}]" if self.canonical else f"{name}:{self.place}"

    def split_options(self, place: str) -> tuple[str, dict[str, str]]:
        """Divide what stands after the colon into a path and the options named after it.

        Raises:
            DataError: an option is there twice, or it or its value is none of the reader's.
        """
        path, *named = re.split(rf",(?={OPTIONS}$)", place)
        if not self.options or not named or Path(place).exists():
            return place, {}
        pairs = [option.split("=", 1) for option in named]
        found = {key: value.strip('"') for key, value in pairs}
        for key, value in pairs:
            if found[key] != value.strip('"'):  # else the last would count, without a word
                remedy = "Leave one out."
                raise DataError(f"{key} is named twice", where=f"'{place}'", remedy=remedy)
        for key, value in found.items():
            for word, known in ((key, self.options), (value, self.options.get(key, ()))):
                if known and word not in known:
                    what = "option" if word is key else f"value of {key}"
                    remedy = did_you_mean(word, known)
                    raise DataError(f"unknown {what} '{word}'", where=f"'{place}'", remedy=remedy)
        return path, found


def written_options(options: Mapping[str, str]) -> str:
    """Write options as they follow a path: ``,image=Bild,question="Frage, Text"``."""
    quoted = {k: f'"{v}"' if re.search("[,=/]", v) else v for k, v in sorted(options.items())}
    return "".join(f",{key}={value}" for key, value in quoted.items())
