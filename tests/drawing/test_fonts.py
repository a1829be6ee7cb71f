"""Which characters the fonts of a system have."""

from __future__ import annotations

import pytest

from askattend.drawing import fonts
from askattend.drawing.fonts import font_hint, missing_glyphs

PRIVATE = "\ue0a5"  # what `new_font` has


@pytest.mark.usefixtures("only_dejavu")
def test_missing_glyphs_are_named_with_a_package_that_has_them() -> None:
    assert missing_glyphs("a 犬\u200d\n b 犬 ü я") == ["犬"]
    hint = font_hint(["what?", "犬"])
    assert hint == "no font on this system has: 犬; install e.g. Debian's fonts-noto-cjk"
    assert font_hint(["Where is the café? Где? Πού;"]) is None
    assert font_hint(["\U0001f9ff नम"]) == (
        "no font on this system has: 🧿 न म; "
        "install e.g. Debian's fonts-noto-core and fonts-symbola"
    )


def test_a_font_installed_since_is_found(new_font: str) -> None:
    assert missing_glyphs(f"a{PRIVATE}") == []
    assert fonts.cover(f"a{PRIVATE}") == ([fonts.FONT, new_font], set())
