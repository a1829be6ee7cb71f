"""The words that each command needs, asked for before anything slow is imported."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from askattend.errors import ConfigError


@dataclass(frozen=True)
class Needs:
    """The words that a command needs.

    Attributes:
        words: by place, each in turn.
        options: with their values.
        instead: an option that may stand in their place.
    """

    words: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    instead: str = ""


NEEDS: Mapping[str, Needs] = {
    "data": Needs(("SOURCE",)),
    "extract": Needs(("SOURCE, FOLDER or FILE.tar",), ("--out STORE",)),
    "train": Needs(("NETWORK (saaa, san, …)",), ("--data SOURCE", "--out RUN")),
    "evaluate": Needs(("RUN",)),
    "score": Needs(("RESULTS.json",), ("--data SOURCE",)),
    "compare": Needs(("RUN", "another RUN")),
    "pack": Needs(("RUN", "FILE.zip")),
    "push": Needs(("RUN", "USER/NAME")),
    "export": Needs(("RUN",), ("--out FOLDER",)),
    "verify": Needs(("RUN or STORE",)),
    "doctor": Needs(),
    "cache": Needs(),
    "plan": Needs((), ("--images NUMBER",)),
    "ask": Needs(("RUN", "IMAGE", "QUESTION")),
    "explain": Needs(("RUN", "IMAGE", "QUESTION")),
    "predict": Needs(("RUN",), ("--images FOLDER --questions FILE", "--out RESULTS")),
    "serve": Needs(("RUN",)),
    "trace": Needs(("NETWORK (saaa, san, …)",), instead="--run RUN --image FILE --question TEXT"),
    "import": Needs(("pytorch-vqa or hdf5", "FILE"), ("--out FOLDER",)),
    "completion": Needs(("bash, zsh or fish",)),
}


def require_words(command: str, words: Sequence[str]) -> None:
    """Refuse a command in which words are missing, all of them named at once.

    Where there are options already, it is left to those who can tell their values from words.

    Raises:
        ConfigError: names what is missing.
    """
    needs = NEEDS.get(command)
    if needs is None or any(word.startswith("-") for word in words):
        return
    missing = [*needs.words[len(words) :], *needs.options]
    if needs.words[len(words) :] or needs.options:
        instead = f", or {needs.instead}" if needs.instead else ""
        raise ConfigError(
            f"missing: {', '.join(missing)}{instead}",
            where=f"askattend {' '.join((command, *words))}",
            remedy=f"Examples: askattend {command} --help.",
        )
