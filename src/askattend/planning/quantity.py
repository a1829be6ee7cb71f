"""Numbers as people write them: 100e6, 100M, 1_000_000."""

from __future__ import annotations

import math
import re

from askattend.errors import ConfigError

_SUFFIXES = {"": 1.0, "k": 1e3, "m": 1e6, "g": 1e9, "b": 1e9, "t": 1e12}
_WRITTEN = re.compile(
    r"([+-]?(?:\d[\d_]*\.?\d*|\.\d+)(?:e[+-]?\d+)?)\s*([kmgbt]?)", re.IGNORECASE | re.ASCII
)
_THOUSANDS = re.compile(r"\d{1,3}(,\d{3})+", re.ASCII)
# Beyond it a plan says nothing.
MOST = 1e15


def read_quantity(text: str, name: str, *, least: float = 0.0, whole: bool = False) -> float:
    """Read a number with a suffix k, M, G (or B) or T, an exponent, or groups of three digits.

    Args:
        text: as typed.
        name: the option, for the error.
        least: the smallest that makes sense; 0 itself is refused where it is above.
        whole: True where a fraction makes no sense.

    Raises:
        ConfigError: it is no number, not finite, too small, too large or not whole.
    """
    where, written = f"--{name} {text}", text.strip()
    if _THOUSANDS.fullmatch(written):
        written = written.replace(",", "")
    found = _WRITTEN.fullmatch(written)
    if found is None:
        raise ConfigError("not a number", where=where, remedy="Write 100e6, 100M or 100_000_000.")
    try:
        value = float(found[1]) * _SUFFIXES[found[2].lower()]
    except ValueError:
        raise ConfigError("not a number", where=where, remedy="Write 1_000, not 1__0.") from None
    if not math.isfinite(value) or value > MOST:
        raise ConfigError("too large to plan for", where=where, remedy=f"At most {MOST:g}.")
    if value < least:
        raise ConfigError(f"must be at least {least:g}", where=where, remedy="Give a larger one.")
    if whole and value != int(value):
        raise ConfigError("must be a whole number", where=where, remedy="Leave the fraction out.")
    return value
