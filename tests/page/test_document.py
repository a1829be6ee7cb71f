"""The page as a document: small, whole, and equal in its languages."""

from __future__ import annotations

import re

from askattend.page import document

DOCUMENT = document()
WORDS = re.compile(r"\b(\w+): '((?:[^'\\]|\\.)*)'")


def texts(language: str) -> dict[str, str]:
    block = DOCUMENT.split(f"\t{language}: {{\n")[1].split("\n\t},")[0]
    return dict(WORDS.findall(block))


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
    english, chinese = texts("en"), texts("zh")
    assert english.keys() == chinese.keys()
    for key, text in english.items():
        places = set(re.findall(r"\{\w+\}", text))
        assert places == set(re.findall(r"\{\w+\}", chinese[key])), key
        assert text != chinese[key], key


def test_no_text_is_unused() -> None:
    used = DOCUMENT.split("const MEANING_ZH")[1]
    markup = DOCUMENT.split("<script>\n")[0]
    for key in texts("en"):
        assert (
            re.search(rf"['\"]{key}['\"]", used + markup)
            or key in ("glimpse", "hop")
            or (key.startswith("err"))
        ), key
