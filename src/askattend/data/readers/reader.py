"""The declaration that a reader of questions makes of itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from askattend.data.questions import QASet


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
    """

    about: str
    read: Callable[..., QASet]
    place: str | None = None
    example: str = ""
    canonical: Callable[[str], str] | None = None
    suffixes: tuple[str, ...] = ()

    def syntax(self, name: str) -> str:
        """Return how a source is written, by the name that the reader is registered under."""
        if self.place is None:
            return name
        return f"{name}[:{self.place}]" if self.canonical else f"{name}:{self.place}"
