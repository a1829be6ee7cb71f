"""Text: reading a file of it, the key that equal answers share, and the words of a question."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

from askattend.errors import DataError
from askattend.files import read_bytes

# Written between two letters or digits, these hold a word together: "what's", "tape_dispenser",
# Catalan "col·legi", Hebrew geresh and gershayim.
_JOINERS = "'_·׳״"
_APOSTROPHES = dict.fromkeys(map(ord, "’‘‛＇`´"), "'")
# Unicode calls these punctuation, but in a question they are read out as words.
_READ_ALOUD = frozenset("%&#@％＆＃＠‰")
# Half-width Katakana's voicing marks are letters to Unicode, but belong to the kana before them.
_KANA_MARKS = frozenset("ﾞﾟ")
# Scripts that put no space between words, by block: first and last code point.
_UNSPACED = (
    (0x0E00, 0x0EFF),  # Thai, Lao
    (0x1000, 0x109F),  # Burmese
    (0x1780, 0x17FF),  # Khmer
    (0x1950, 0x19DF),  # Tai Le, New Tai Lue
    (0x1A20, 0x1AAF),  # Tai Tham
    (0x2E80, 0x2FDF),  # Han radicals
    (0x3005, 0x3007),  # Han iteration mark, closing mark, zero
    (0x3021, 0x312F),  # Han numerals, Hiragana, Katakana, Bopomofo
    (0x31A0, 0x31FF),  # Bopomofo and Katakana extensions
    (0x3400, 0x4DBF),  # Han extension A
    (0x4E00, 0x9FFF),  # Han
    (0xA9E0, 0xA9FF),  # Burmese extension B
    (0xAA60, 0xAADF),  # Burmese extension A, Tai Viet
    (0xF900, 0xFAFF),  # Han compatibility
    (0xFF66, 0xFF9F),  # half-width Katakana
    (0x1AFF0, 0x1B16F),  # Kana supplements
    (0x20000, 0x3FFFF),  # Han extensions B and later
)

# Over ASCII text itself; "." stays between two digits ("3.5").
_ASCII_TOKEN = re.compile(r"[a-z0-9]+(?:(?:['_]|(?<=\d)\.(?=\d))[a-z0-9]+)*|[$+<=>^|~%&#@]")
# Over the classes of `_class_of`, one letter a character.
_TOKEN = re.compile(r"[cs]m*|[wdm]+(?:(?:j|(?<=d)\.(?=d))[wdm]+)*")


def read_utf8(file: Path) -> str:
    """Read a UTF-8 file, without a byte order mark and with ``\\n`` for every line end.

    It may be packed by gzip, whatever its name.

    Raises:
        DataError: the file cannot be opened, is half a gzip or not UTF-8; names line and byte.
    """
    data = read_bytes(file)
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"not UTF-8 at byte {error.start:,}",
            where=f"{file}:{line}",
            remedy="Save the file as UTF-8.",
        ) from None
    # Not splitlines(), which divides at other characters too, some of which occur in answers.
    return text.replace("\r\n", "\n").replace("\r", "\n")


def normalise(text: str) -> str:
    """Compose (NFC) and lower-case a text.

    Lower-cased and not case-folded: folding rewrites letters ("ß" as "ss").
    """
    if text.isascii():
        return text.lower()
    # Once more afterwards: lower-casing may leave letters and marks that can be composed.
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).lower())


def answer_key(text: str) -> str:
    """Return what equal answers have in common: NFC, lower-cased, white space folded.

    >>> answer_key(" Light  Blue")
    'light blue'
    """
    return " ".join(normalise(text).split())


def tokenise(question: str) -> list[str]:
    """Divide a question into words, lower-cased, in any script.

    No letter, mark or digit is lost; a mark stays with its base.

    - Words are runs of letters, marks and digits. An apostrophe (of any shape, written ``'``) or an
      underscore inside a word belongs to it: ``what's``; ``tape_dispenser``, which DAQUAR's
      annotators chose as the name of one thing. A hyphen divides: ``t-shirt`` is two words.
    - A decimal number stays whole: ``3.5``.
    - Scripts that put no space between words (Han, Kana, Thai, Lao, Khmer, Burmese, …) are divided
      into characters, each with its marks. Their digits still make whole numbers.
    - A symbol (``+``, ``$``, an emoji; ``%``, ``&``, ``#``, ``@``) is a word of its own.
    - Other punctuation is dropped, so a final question mark makes no difference. Invisible format
      characters (soft hyphen, zero-width joiners) vanish without dividing a word.

    Returns no word at all for a question of punctuation alone.

    >>> tokenise("What's the T-shirt’s colour?")
    ["what's", 'the', 't', "shirt's", 'colour']
    """
    text = normalise(question)
    if text.isascii():
        # Nearly all questions of the published sets: one regular expression is enough.
        return _ASCII_TOKEN.findall(text.replace("`", "'"))
    return tokenise_unicode(text)


def pytorch_vqa_words(question: str) -> list[str]:
    """Divide a question into words as pytorch-vqa does, for networks trained there.

    It drops the last character, whatever it is, as the question mark of VQA's questions, and
    divides at every single space: of two in a row comes an empty word, which counts as any other.

    >>> pytorch_vqa_words("What's  this, then?")
    ["what's", '', 'this,', 'then']
    """
    return question.lower()[:-1].split(" ")


def tokenise_unicode(text: str) -> list[str]:
    """Tokenise text that is normalised already, in any script; slower than for ASCII alone."""
    text = text.translate(_APOSTROPHES)
    # A second text, of one letter a character, over which words are a regular language.
    classes = text.translate(_CLASSES)
    if "f" in classes:
        text = "".join(char for char, kind in zip(text, classes, strict=True) if kind != "f")
        classes = classes.replace("f", "")
    return [text[match.start() : match.end()] for match in _TOKEN.finditer(classes)]


def spans_unicode(text: str) -> list[tuple[int, int]]:
    """Return where each word of normalised text stands: its first character, one past its last."""
    classes = text.translate(_APOSTROPHES).translate(_CLASSES)
    # Format characters are not part of what words are found in.
    place = [position for position, kind in enumerate(classes) if kind != "f"]
    found = _TOKEN.finditer(classes.replace("f", ""))
    return [(place[match.start()], place[match.end() - 1] + 1) for match in found]


class _Classes(dict[int, str]):
    """A translation table that classifies a character when it is first met."""

    def __missing__(self, code: int) -> str:
        return self.setdefault(code, _class_of(chr(code)))


_CLASSES = _Classes()


def _class_of(char: str) -> str:
    """Name, by one letter, what a character does to a word.

    w part of a word; d digit; c a word by itself (unspaced scripts); m mark; s symbol; j joiner;
    f format character; "." itself; blank for all that divides.
    """
    category = unicodedata.category(char)
    if category[0] == "M" or char in _KANA_MARKS:
        return "m"
    if category == "Nd":
        return "d"
    if category[0] in "LN":
        return "c" if any(low <= ord(char) <= high for low, high in _UNSPACED) else "w"
    if char in _JOINERS:
        return "j"
    if category[0] == "S" or char in _READ_ALOUD:
        return "s"
    # A zero-width space is a format character to Unicode, and a space to those who type it.
    return "f" if category == "Cf" and char != "\u200b" else "." if char == "." else " "
