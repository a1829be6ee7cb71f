"""Fonts of the system that have the characters of a text."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from functools import lru_cache

import matplotlib
from matplotlib.font_manager import FontProperties, findSystemFonts, fontManager, get_font

FONT = "DejaVu Sans"  # comes with matplotlib, so it is always there
UNDRAWABLE = "\N{REPLACEMENT CHARACTER}"


def cover(text: str) -> tuple[list[str], set[str]]:
    """Find font families that together cover a text, and the characters that none of them has."""
    families, missing = [FONT], {c for c in text if not (c.isspace() or _invisible(c))}
    missing -= _characters(FONT, missing)
    for family in _system_families() if missing else ():
        found = _characters(family, missing)
        if found:
            families.append(family)
            missing -= found
        if not missing:
            break
    return families, missing


def printable(text: str, missing: set[str]) -> str:
    """Put marks for what no font has, and leave out what is never drawn."""
    visible = (c for c in text if c.isspace() or not _invisible(c))
    return "".join(UNDRAWABLE if c in missing else c for c in visible)


def missing_glyphs(text: str) -> list[str]:
    """List the characters of a text that no font on this system has, each once, in order."""
    missing = cover(text)[1]
    return [character for character in dict.fromkeys(text) if character in missing]


def font_hint(texts: Iterable[str]) -> str | None:
    """Tell a user which characters cannot be drawn and what to install; None if all can be."""
    missing = missing_glyphs("".join(texts))
    if not missing:
        return None
    named = " ".join(c if c.isprintable() else f"U+{ord(c):04X}" for c in missing[:20])
    packages = " and ".join(sorted({_package(character) for character in missing}))
    return f"no font on this system has: {named}; install e.g. Debian's {packages}"


def _package(character: str) -> str:
    """Name the Debian package of a font that is likely to have a character."""
    name = unicodedata.name(character, "")
    if name.startswith(("CJK", "HIRAGANA", "KATAKANA", "HANGUL", "IDEOGRAPHIC", "FULLWIDTH")):
        return "fonts-noto-cjk"
    return "fonts-symbola" if unicodedata.category(character) == "So" else "fonts-noto-core"


def _invisible(character: str) -> bool:
    """True of controls, joiners and variation selectors, which need no glyph."""
    hidden = unicodedata.category(character) in ("Cc", "Cf")
    return hidden or 0xFE00 <= ord(character) <= 0xFE0F


def _characters(family: str, wanted: set[str]) -> set[str]:
    charmap = _charmap(family)
    return {character for character in wanted if ord(character) in charmap}


@lru_cache(maxsize=256)
def _charmap(family: str) -> frozenset[int]:
    """Read the code points of a family's regular font; none if it cannot be read."""
    try:
        path = fontManager.findfont(FontProperties(family=[family]), fallback_to_default=False)
        return frozenset(get_font(path).get_charmap())
    except (OSError, RuntimeError, ValueError):
        return frozenset()


@lru_cache(maxsize=1)
def _system_families() -> tuple[str, ...]:
    """List the system's upright regular fonts, sans-serif first, without matplotlib's own."""
    _add_new_fonts()
    own = matplotlib.get_data_path()
    names = {
        entry.name
        for entry in fontManager.ttflist
        if entry.style == "normal" and entry.weight in (400, "normal", "regular")
        if entry.stretch == "normal" and not entry.fname.startswith(own)
        # Apple's and Unicode's fonts of last resort draw a box for everything.
        if "lastresort" not in entry.name.lower().replace(" ", "")
    }
    return tuple(sorted(names, key=lambda name: ("Sans" not in name, "Mono" in name, name)))


def _add_new_fonts() -> None:
    """Add fonts installed since matplotlib made its list, which it keeps for good."""
    known = {entry.fname for entry in fontManager.ttflist}
    for path in findSystemFonts():
        if path not in known:
            try:
                fontManager.addfont(path)
            except Exception:  # a font that FreeType cannot scale or read is of no use here
                continue
