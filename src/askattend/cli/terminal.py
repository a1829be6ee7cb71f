"""Output to any terminal or file, whatever characters its encoding has."""

from __future__ import annotations

import codecs
import io
import json
import sys
import unicodedata
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO, cast

import msgspec

from askattend.environment.terminal import VisibleStream, visible_json
from askattend.environment.verbosity import is_quiet
from askattend.files import readable
from askattend.files.manifest import OlderFolderWarning

_HANDLER = "askattend.plain"
# What is written for signs that an encoding lacks; letters of answers are never replaced by others.
_SIGNS = {
    **dict.fromkeys("→↦⇒", "->"),
    **dict.fromkeys("‐‑–—−─━╴╶", "-"),
    **dict.fromkeys("‘’′", "'"),
    **dict.fromkeys("“”„″", '"'),
    **dict.fromkeys("│┃║", "|"),
    **dict.fromkeys("╭╮╰╯┌┐└┘├┤┬┴┼", "+"),
    **dict.fromkeys("·•●", "*"),
    **{"…": "...", "×": "x", "≤": "<=", "≥": ">=", "≠": "!=", "±": "+-", "⊕": "(+)", "‖": "||"},
    **{
        "∑": "sum",
        "∈": "in",
        "√": "sqrt",
        "∞": "inf",
        "≈": "~",
        "°": " degrees",
        "§": "sec. ",
        "\u00a0": " ",
    },
    **{"░": ".", "▒": "+", "▓": "*", "█": "#", "\u0302": "^", "\u0303": "~"},
}


def print_to_any_terminal() -> None:
    """Let no character end a command: what an encoding lacks is written by others."""
    codecs.register_error(_HANDLER, _plainly)
    for stream in (sys.stdout, sys.stderr):
        # Of another kind where somebody captures the output.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=_HANDLER)


@contextmanager
def visible_output(*, colours: bool = False) -> Iterator[None]:
    """Show what would steer the terminal, whatever is printed within a ``with`` block.

    Args:
        colours: let colours pass.
    """
    before = sys.stdout, sys.stderr
    # rich names the stream below a wrapped one so.
    below = (getattr(stream, "rich_proxied_file", stream) for stream in before)
    sys.stdout, sys.stderr = (cast(TextIO, VisibleStream(s, colours=colours)) for s in below)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


def json_text(value: Any, encoding: str) -> str:
    """Write one JSON value; what an encoding lacks is escaped as JSON does it."""
    try:
        text = visible_json(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())
    except UnicodeEncodeError:  # the name of a file that is no UTF-8
        whole = _all_readable(msgspec.to_builtins(value))
        text = visible_json(json.dumps(whole, indent=2, ensure_ascii=False))
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return visible_json(json.dumps(json.loads(text), indent=2))
    return text


def _all_readable(value: Any) -> Any:
    if isinstance(value, str):
        return readable(value)
    if isinstance(value, dict):
        return {_all_readable(key): _all_readable(part) for key, part in value.items()}
    return [*map(_all_readable, value)] if isinstance(value, list | tuple) else value


def _plainly(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    part = error.object[error.start : error.end]
    return "".join(map(_plain, part)), error.end


def _plain(char: str) -> str:
    if char in _SIGNS:
        return _SIGNS[char]
    name = unicodedata.name(char, "")
    if name.startswith("GREEK") and " LETTER " in name:  # the papers' symbols
        letter = name.split(" LETTER ")[1].split()[0]
        return letter.capitalize() if "CAPITAL" in name else letter.lower()
    # Raised and lowered letters and digits.
    plain = unicodedata.normalize("NFKD", char)
    if unicodedata.category(char) in ("Lm", "No") and plain.isascii():
        return plain
    return readable(char) if "\udc80" <= char <= "\udcff" else _escaped(char)


def _escaped(char: str) -> str:
    return char.encode("ascii", "backslashreplace").decode()


@contextmanager
def plain_warnings() -> Iterator[None]:
    """Write this package's warnings as notes of a line, not with where in the code they arose."""
    before = warnings.showwarning
    said: set[str] = set()

    def show(message: Warning | str, category: type[Warning], *where: Any, **more: Any) -> None:
        if issubclass(category, OlderFolderWarning):
            if str(message) not in said and not is_quiet():  # a run is read more than once
                print(f"note: {message}", file=sys.stderr)
            said.add(str(message))
        else:
            before(message, category, *where, **more)

    warnings.showwarning = show
    try:
        yield
    finally:
        warnings.showwarning = before
