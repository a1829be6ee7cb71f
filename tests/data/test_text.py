"""Tokens against Unicode's own categories; keys and files against their definitions."""

from __future__ import annotations

import sys
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from askattend.data.text import answer_key, normalise, read_utf8, tokenise, tokenise_unicode
from askattend.errors import DataError

# Plain text is mostly letters; these are the characters that the rules are about.
TRICKY = "aZé3٣九が่ा́'’`´_-.,?!·+%&#$ <>\u200b\u200c\u200d\u00ad\ufe0f\u0130ßΣﾞｶ❤👍\n\t"
texts = st.text(st.one_of(st.characters(), st.sampled_from(TRICKY)), max_size=40)


def weighty(text: str) -> str:
    """The letters, marks and numbers of a text: what no token may lose."""
    return "".join(char for char in text if unicodedata.category(char)[0] in "LMN")


@given(texts)
def test_no_letter_mark_or_number_is_lost(text: str) -> None:
    lowered = unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).lower())
    assert weighty("".join(tokenise(text))) == weighty(lowered)


def test_every_letter_mark_and_number_of_unicode_makes_a_token() -> None:
    text = normalise(" ".join(weighty("".join(map(chr, range(sys.maxunicode + 1))))))
    assert tokenise(text) == text.split()


@given(texts)
def test_tokens_hold_no_space_and_are_never_empty(text: str) -> None:
    assert all(token and not any(map(str.isspace, token)) for token in tokenise(text))


@given(texts)
def test_tokens_are_stable(text: str) -> None:
    tokens = tokenise(text)
    assert tokenise(" ".join(tokens)) == tokens


@given(st.text(st.characters(max_codepoint=0x7F)))
def test_ascii_takes_the_same_rules(text: str) -> None:
    assert tokenise(text) == tokenise_unicode(text.lower())


@given(texts)
def test_a_question_mark_makes_no_difference(text: str) -> None:
    assert tokenise(text + "?") == tokenise(text)


@given(texts)
def test_composed_and_decomposed_text_are_one(text: str) -> None:
    assert tokenise(unicodedata.normalize("NFD", text)) == tokenise(text)


@pytest.mark.parametrize(
    ("question", "tokens"),
    [
        ("What's the T-shirt’s colour?", "what's the t shirt's colour"),
        ("where is the tape_dispenser _here_", "where is the tape_dispenser here"),
        ("is 3.5 or 3. more than .5?", "is 3.5 or 3 more than 5"),
        ("$5 + 20% & M&Ms, #7", "$ 5 + 20 % & m & ms # 7"),
        ("'single' “double” `back`", "single double back"),
        ("a<pad> <unk>", "a < pad > < unk >"),
        ("l´eau d`or", "l'eau d'or"),
        ("ΠΟΙΟΣ Straße", "ποιος straße"),
        ("यह क्या है?", "यह क्या है"),
        ("ما لَوْنُ القِطَّة؟", "ما لَوْنُ القِطَّة"),
        ("สีน้ำ ๑๒", "สี น้ ำ ๑๒"),
        ("这是什么颜色？3个", "这 是 什 么 颜 色 3 个"),
        ("カラー ｶﾞ が", "カ ラ ー ｶﾞ が"),
        ("무슨 색이에요?", "무슨 색이에요"),
        ("❤️ 👍🏽?", "❤️ 👍 🏽"),
        ("pass\u00adword می\u200cخواهم", "password میخواهم"),
        ("ab\u200bcd", "ab cd"),
        ("?!", ""),
    ],
)
def test_tokens_by_example(question: str, tokens: str) -> None:
    assert tokenise(question) == unicodedata.normalize("NFC", tokens).split()


@given(texts)
def test_an_answer_key_is_its_own_key(text: str) -> None:
    assert answer_key(answer_key(text)) == answer_key(text)


@given(texts)
def test_an_answer_key_ignores_case_space_and_composition(text: str) -> None:
    spaced = unicodedata.normalize("NFD", f"  {text}\t").replace(" ", "\n ")
    assert answer_key(spaced) == answer_key(text)
    ascii_only = text.encode("ascii", "ignore").decode()
    assert answer_key(ascii_only.upper()) == answer_key(ascii_only)


def test_utf8_is_read_without_mark_and_with_plain_line_ends(tmp_path: Path) -> None:
    file = tmp_path / "some.txt"
    file.write_bytes(b"\xef\xbb\xbfone\r\ntwo\rthr\xc3\xa9\n")
    assert read_utf8(file) == "one\ntwo\nthré\n"


def test_what_is_not_utf8_is_named_by_line(tmp_path: Path) -> None:
    file = tmp_path / "latin.txt"
    file.write_bytes("\nsix\ncafé\nno".encode("latin-1"))
    with pytest.raises(
        DataError, match=r"latin\.txt:3: not UTF-8 at byte 8\. Save the file as UTF-8\."
    ):
        read_utf8(file)


def test_a_file_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nowhere\.txt: cannot be read \(No such file"):
        read_utf8(tmp_path / "nowhere.txt")
    with pytest.raises(DataError, match="cannot be read"):
        read_utf8(tmp_path)
