"""Text on its way to a terminal: what would steer it is shown as text, whoever wrote it.

An answer, a question or a file's name may come from a stranger. The sequences that begin with ESC
change titles, move the cursor over what stands there already, or type commands in some terminals.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

# All control characters but tab and line end, and those that turn the direction of writing around.
_STEERING = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_BUT_COLOURS = re.compile(rf"\x1b\[[0-9;]*m|{_STEERING.pattern}")


def visible(text: str) -> str:
    r"""Return text in which nothing steers a terminal: ESC as ``\x1b``.

    >>> visible("\x1b[2Jyes\n")
    '\\x1b[2Jyes\n'
    """
    return _STEERING.sub(lambda found: ascii(found[0])[1:-1], text)


def visible_json(text: str) -> str:
    """Return the same JSON with these characters written as JSON escapes them."""
    # JSON itself has none of them, but line ends between its parts are as good as blanks.
    return _STEERING.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


class VisibleStream:
    """A stream of text that shows what would steer a terminal, and is otherwise the one below.

    Args:
        stream: the one below, of text.
        colours: let colours pass, as a help text has them.

    Attributes:
        rich_proxied_file: the one below, to which a `Console` writes its own sequences: so rich
            names it.
    """

    def __init__(self, stream: Any, *, colours: bool = False) -> None:
        self.rich_proxied_file, self._colours = stream, colours

    def write(self, text: str) -> int:
        """Write text; return how many characters of it, all of them."""
        if self._colours:
            shown = _BUT_COLOURS.sub(lambda f: f[0] if f[0][1:] else visible(f[0]), text)
        else:
            shown = visible(text)
        self.rich_proxied_file.write(shown)
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write several texts."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.rich_proxied_file, name)
