"""The text of a table file, in the encodings that spreadsheets write."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from pathlib import Path

from askattend.errors import DataError, did_you_mean
from askattend.files import read_bytes

_REMEDY = "Save the file as UTF-8 (in Excel: CSV UTF-8)."
# The longer marks first, since one begins as a shorter one does.
_MARKS = ((b"\xff\xfe\0\0", "utf-32"), (b"\0\0\xfe\xff", "utf-32"))
_SHORT_MARKS = ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
# GB 2312: its symbols and its characters.
_CHINESE = re.compile(rb"(?:[\0-\x7f]|[\xa1-\xa9\xb0-\xf7][\xa1-\xfe])*")
# Characters that questions are made of, and their least share: Korean is written by bytes of the
# same ranges, of which come any characters.
_FREQUENT = frozenset(
    "的是什么几有个多少在吗哪这那图片问题答案不一人上下中大小左右颜色红蓝绿黄白黑"
)
_FREQUENT_SHARE = 0.1
_HIGH = re.compile(rb"[\x80-\xff]+")
# Signs that stand beside or between letters in Western text; any other there speaks against it.
_BETWEEN = re.compile(r"(?<=[^\W\d_])[^\w\s!-~’‘–—…·\-](?=[^\W\d_])|[ƒˆ†‡˜Ÿ¥¦¨¬¯¸¹]")
# Signs in the place of Polish and Romanian letters; capitals within a word, of Mac OS's umlauts.
_MISPLACED = re.compile(r"(?<=[^\W\d_]{2})[³¹º]|(?<=[^\W\d_])¿|(?<=[a-zß-öø-ÿ])[ŠŽŸŒÀ-ÖØ-Þ]")
# Western words have one such letter in a row, seldom two; others are made of them.
_USUAL_RUN = 1.5


@dataclass(frozen=True)
class TableText:
    """A file's text, with ``\\n`` for every line end, and what was decided about its encoding."""

    text: str
    notes: tuple[str, ...] = ()


def read_table_text(file: Path, *, encoding: str = "") -> TableText:
    """Read a text file in UTF-8, or in what Excel writes: UTF-16, Windows-1252, GB 2312.

    It may be packed by gzip, whatever its name.

    Args:
        file: the file.
        encoding: what it is in, where somebody knows.

    Raises:
        DataError: the file cannot be opened, or is in another encoding; names line and byte.
    """
    data = read_bytes(file)
    said = bool(encoding)
    encoding = _known(encoding, file) if said else _encoding(data, file)
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        problem = f"not whole {encoding.upper()} (at byte {error.start:,})"
        raise DataError(problem, where=file, remedy=_REMEDY) from None
    # Not splitlines(), which divides at other characters too, some of which occur in answers.
    text = text.replace("\r\n", "\n").replace("\r", "\n").removeprefix("\ufeff")
    if encoding in _NAMES and not said:
        return TableText(text, (_note(file, text, _NAMES[encoding]),))
    return TableText(text)


def _note(file: Path, text: str, name: str) -> str:
    """Say what a file was read as, by a word in which it can be seen to be wrong."""
    example = next((word for word in re.findall(r"\w+", text) if not word.isascii()), "")
    such = f" (“{example}”)" if example else ""
    return (
        f"{file.name} is not UTF-8: it was read as {name}{such}; if that is wrong, write "
        f"table:{file.name},encoding=NAME, as in {_EXAMPLES}"
    )


def _known(encoding: str, file: Path) -> str:
    """Return Python's name of an encoding of text.

    Raises:
        DataError: there is none of this name.
    """
    try:
        found = codecs.lookup(encoding)
        "".encode(found.name)  # LookupError, too, of what turns bytes into bytes
    except (LookupError, ValueError):
        remedy = f"{did_you_mean(encoding, _COMMON)} Python knows more."
        problem = f"unknown encoding '{encoding}'"
        raise DataError(problem, where=file, remedy=remedy) from None
    return found.name


_COMMON = (
    *("utf-8", "utf-16", "cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256"),
    *("cp1257", "cp1258", "cp850", "mac-roman", "koi8-r", "gb18030", "big5", "shift-jis", "euc-kr"),
)
_EXAMPLES = "encoding=cp1254 (Turkish; cp1250 Central European, cp1251 Cyrillic, mac-roman)"
_NAMES = {"cp1252": "Windows-1252 (Western European)", "gb18030": "GB 18030 (Chinese)"}


def _encoding(data: bytes, file: Path) -> str:
    for mark, encoding in (*_MARKS, *_SHORT_MARKS):
        if data.startswith(mark):
            return encoding
    if (wide := _unmarked_utf16(data)) is not None:
        return wide
    try:
        data.decode()
        return "utf-8"
    except UnicodeDecodeError as error:
        found = _legacy(data)
        if found is None:
            line = data.count(b"\n", 0, error.start) + 1
            raise DataError(
                f"not UTF-8 at byte {error.start:,}, and in no other encoding for certain",
                where=f"{file}:{line}",
                remedy=f"{_REMEDY[:-1]}, or name its encoding: table:{file.name},{_EXAMPLES}.",
            ) from None
        return found


# Share of zeros beside Latin letters, and beside the ASCII signs of tables in other scripts.
_ZEROS = 0.1


def _unmarked_utf16(data: bytes) -> str | None:
    """Tell UTF-16 without its mark by the zeros beside its Latin letters; text has none."""
    first = data[:4096]
    even, odd = (half.count(0) / max(len(half), 1) for half in (first[::2], first[1::2]))
    # A zero alone is no text in any encoding, and is told as what it is.
    if max(even, odd) < _ZEROS or min(even, odd) > _ZEROS / 10:
        return None
    return "utf-16-le" if odd > even else "utf-16-be"


def _legacy(data: bytes) -> str | None:
    """Tell the encoding of text before Unicode by its letters; None where it is not certain."""
    runs = [len(run) for run in _HIGH.findall(data)]
    if _CHINESE.fullmatch(data):
        signs = [sign for sign in data.decode("gb18030") if not sign.isascii()]
        if sum(sign in _FREQUENT for sign in signs) >= _FREQUENT_SHARE * len(signs):
            return "gb18030"
    try:
        text = data.decode("cp1252")
    except UnicodeDecodeError:
        return None
    western = sum(runs) <= _USUAL_RUN * len(runs) and not _BETWEEN.search(text)
    return "cp1252" if western and not _looks_foreign(text) else None


def _looks_foreign(text: str) -> bool:
    """Tell letters that no Western language has beside each other, but others' codes look like."""
    letters = {sign for sign in text.lower() if not sign.isascii()}
    turkish = letters & set("ðþý") and not letters & set("áíóúéæ")  # ğşı; else Icelandic
    czech = letters & set("ìøù") and letters & set("áí") and "ð" not in letters  # ěřů; Faroese
    czech = czech or (letters & set("šž") and letters & set("èìøùï"))
    hungarian = letters & set("õû") and letters & set("öü") and not letters & set("äãç")  # őű
    return bool(turkish or czech or hungarian or _MISPLACED.search(text))
