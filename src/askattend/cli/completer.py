"""Complete a command line: the program that the scripts of ``askattend completion`` hold.

It knows all commands by what stands in the script, and imports nothing of the package, since a key
press cannot wait for that.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

# What a shell looks for itself: any file, or what can be a run.
FILES, RUNS = ":files", ":runs"
# A word is taken apart by bash at these, and by us where a value stands behind one.
BREAKS = ":="
DEMO = {"demo": {"about": "the trained run that comes along"}}


def main(command: dict[str, Any], arguments: Sequence[str]) -> None:
    """Print what the last word may become, a line each: the word, a tab, and what it is.

    Args:
        command: all of the command line, as `askattend.cli.completion` describes it.
        arguments: the shell's name, then the words behind the program's name as far as the cursor.
    """
    shell, *words = arguments
    words = joined(words) if shell == "bash" else words
    for word, about in completions(words or [""], command):
        if shell == "bash" and not word.startswith(":"):
            # It puts what it is given in the place of what stands behind the last break.
            word = word[len(words[-1]) - len(_behind_break(words[-1])) :]
        print(word, about, sep="\t")


def joined(words: Iterable[str]) -> list[str]:
    """Put words together again that bash takes apart: ``table``, ``:``, ``shelves.csv``."""
    made: list[str] = []
    glued = False
    for word in words:
        only_breaks = bool(word) and set(word) <= set(BREAKS)
        if made and (glued or only_breaks):
            made[-1] += word
        else:
            made.append(word)
        glued = only_breaks
    return made


def completions(words: Sequence[str], command: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield what the last word may become, and what that is.

    For files it is `FILES` or `RUNS`, and what of the word stands before the file's name.
    """
    *before, last = words
    node, option, place = _reached(before, command)
    if option and not last.startswith("-"):
        yield from _values(node["options"][option]["value"], last, "", command)
        return
    name, equals, value = last.partition("=")
    if equals:
        if (kind := node["options"].get(name, {}).get("value")) is not None:
            yield from _values(kind, value, name + equals, command)
        return
    if not last.startswith("-"):
        yield from _values(_kind_at(node, place), last, "", command)
    if last.startswith("-") or not (node["forms"] or node["words"]):
        yield from _named(node["options"], last)


def _reached(before: Iterable[str], node: dict[str, Any]) -> tuple[dict[str, Any], str, int]:
    """Return the form that words lead to, the option whose value is due, and the words it has."""
    option, place = "", 0
    for word in before:
        if word in node["options"]:
            option = word if node["options"][word]["value"] is not None else ""
        elif option:
            option = option if node["options"][option]["many"] else ""
        elif not place and word in node["forms"]:
            node = node["forms"][word]
        elif not word.startswith("-"):
            place += 1
    return node, option, place


def _kind_at(node: dict[str, Any], place: int) -> Any:
    """Return the kind of a word at a place; the last one may be repeated."""
    if node["forms"]:
        return node["forms"] if not place else ""
    return node["words"][min(place, len(node["words"]) - 1)] if node["words"] else ""


def _values(kind: Any, typed: str, stem: str, command: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield values that begin with what is typed, behind a stem such as ``--out=``.

    Their kind is a dictionary or list of choices, or names what is looked for: ``"runs files"``.
    """
    if isinstance(kind, dict):
        yield from _named(kind, typed, stem)
    elif isinstance(kind, list):
        yield from ((stem + value, "") for value in kind if value.startswith(typed))
    else:
        kinds = kind.split()
        if "sources" in kinds:
            yield from _sources(typed, stem, command["sources"])
        if "runs" in kinds:
            yield from _named(DEMO, typed, stem)
        if "files" in kinds or "runs" in kinds:
            yield (FILES if "files" in kinds else RUNS), stem


def _sources(
    typed: str, stem: str, sources: dict[str, dict[str, Any]]
) -> Iterator[tuple[str, str]]:
    name, colon, _ = typed.partition(":")
    if colon and sources.get(name + colon, {}).get("value") == "files":
        yield FILES, stem + name + colon
        return
    yield from _named(sources, typed, stem)


def _named(
    choices: dict[str, dict[str, Any]], typed: str, stem: str = ""
) -> Iterator[tuple[str, str]]:
    for name, choice in choices.items():
        if name.startswith(typed):
            yield stem + name, choice["about"]


def _behind_break(word: str) -> str:
    return word[max(word.rfind(sign) for sign in BREAKS) + 1 :]


if __name__ == "__main__":
    main(COMMAND, sys.argv[1:])  # type: ignore[name-defined]  # noqa: F821 (the script has it)
