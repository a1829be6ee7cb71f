"""Encodings of tables: what Excel writes is read, what is not certain is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from askattend.data.readers.table_text import read_table_text
from askattend.errors import DataError

GERMAN = "Bild;Frage;Antwort\r\na.png;Wie groß ist das Mädchen – über 1 m?;größer\r\n"
FRENCH = "image,question,answer\na.png,où est l’œuvre « à côté » ?,là\n"
CHINESE = "图片,问题,答案\na.png,这个形状是什么颜色?,红色\nb.png,有几个?,3\n"
RUSSIAN = "image,question,answer\na.png,какого цвета круг?,красный\n"


def table(folder: Path, content: bytes) -> Path:
    file = folder / "q.csv"
    file.write_bytes(content)
    return file


@pytest.mark.parametrize(
    ("text", "encoding", "named"),
    [
        (GERMAN, "cp1252", "Windows-1252"),
        (FRENCH, "cp1252", "Windows-1252"),
        (CHINESE, "gb18030", "GB 18030"),
        (RUSSIAN, "utf-16", ""),
        (GERMAN, "utf-16-le", ""),
        (GERMAN, "utf-16-be", ""),
        (CHINESE, "utf-32", ""),
        (CHINESE, "utf-8-sig", ""),
        (RUSSIAN, "utf-8", ""),
    ],
)
def test_what_excel_writes_is_read(tmp_path: Path, text: str, encoding: str, named: str) -> None:
    read = read_table_text(table(tmp_path, text.encode(encoding)))
    assert read.text == text.replace("\r\n", "\n")
    assert [named in note for note in read.notes] == ([True] if named else [])


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (RUSSIAN, "cp1251"),
        (RUSSIAN, "koi8-r"),
        (GERMAN.replace("–", "-"), "mac-roman"),
        (GERMAN.replace("–", "-"), "cp850"),
        ("image,question\na.png,これは何色ですか\n", "shift-jis"),
        ("image,question\na.png,이것은 무슨 색입니까\n", "cp949"),
    ],
)
def test_what_is_not_certain_is_refused(tmp_path: Path, text: str, encoding: str) -> None:
    with pytest.raises(DataError, match=r"q\.csv:\d: not UTF-8 at byte \d+.*CSV UTF-8"):
        read_table_text(table(tmp_path, text.encode(encoding)))


def test_half_a_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"q\.csv: not whole UTF-16 \(at byte"):
        read_table_text(table(tmp_path, GERMAN.encode("utf-16")[:-1]))


@given(st.text(st.characters(exclude_categories=("Cs", "Cc"))))
def test_all_text_in_unicode_is_read(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    folder = tmp_path_factory.mktemp("text")
    for encoding in ("utf-8", "utf-16", "utf-32"):
        assert read_table_text(table(folder, text.encode(encoding))).text == text.lstrip("\ufeff")
