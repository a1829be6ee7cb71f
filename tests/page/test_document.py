"""The page as a document: small, whole, and equal in its languages."""

from __future__ import annotations

import re

from askattend.page import document

DOCUMENT = document()
_QUOTED = r"'((?:[^'\\]|\\.)*)'"
BOTH = re.compile(rf"\b(\w+): \[{_QUOTED}, {_QUOTED}\]")


def texts() -> dict[str, tuple[str, str]]:
    """Each text's key, and the text in English and in Chinese."""
    block = DOCUMENT.split("const TEXT = {\n")[1].split("\n};")[0]
    return {key: (english, chinese) for key, english, chinese in BOTH.findall(block)}


def test_it_is_small_and_asks_for_nothing() -> None:
    assert len(DOCUMENT.encode()) < 100_000
    assert set(re.findall(r"https?://[^'\"\s)]+", DOCUMENT)) == {"http://www.w3.org/2000/svg"}
    assert not re.findall(r"@import|url\(|<link rel=\"(?!icon)", DOCUMENT)


def test_its_policy_can_name_all_that_runs() -> None:
    """No handler or style stands in an attribute, which a hash cannot allow."""
    markup = DOCUMENT.split("<script>")[0].split("</style>")[1]
    assert not re.findall(r"\s(?:on\w+|style)=", markup)
    assert DOCUMENT.count("<style>") == 1
    assert DOCUMENT.count("\n<script>\n") == 1


def test_its_languages_say_the_same() -> None:
    assert len(texts()) > 100
    for key, (english, chinese) in texts().items():
        places = set(re.findall(r"\{\w+\}", english))
        assert places == set(re.findall(r"\{\w+\}", chinese)), key
        assert re.search(r"[\u3000-\u9fff\uff00-\uffef]", chinese), key
        assert not re.search(r"[\u3000-\u9fff\uff00-\uffef]", english), key


def test_no_text_is_unused() -> None:
    used = DOCUMENT.split("const MEANING_ZH")[1]
    markup = DOCUMENT.split("<script>\n")[0]
    for key in texts():
        assert (
            re.search(rf"['\"]{key}['\"]", used + markup)
            or key in ("glimpse", "hop")
            or (key.startswith("err"))
        ), key
