"""Encodings of tables: what Excel writes is read, what is not certain is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from askattend.data.readers.registry import read_source
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


# A question in each language, as its own code page writes it.
WESTERN = {
    "German": "Wie groß ist die Öffnung über dem Tür? Äpfel und Müll in 3 m³, größer",
    "French": "où est l’œuvre « à côté » du château ? là, très près de Noël, brûlée",
    "Spanish": "¿de qué color es el niño? ¿cuántos años más? el 1º, un camión",
    "Italian": "perché è così? la città più alta, lunedì, però",
    "Portuguese": "não são três corações? às pães, você põe o avô à mesa, útil",
    "Catalan": "què és això? el català, l’avió, l’ocell petit, així, pingüí",
    "Danish": "hvor mange røde æbler på bordet? brød, grøn, gå",
    "Swedish": "vilken färg har bollen? två äpplen på ön",
    "Finnish": "minkä värinen pyörä on? kyllä, mäki, hölmö",
    "Estonian": "mis värvi on õun? põõsas, šokk, žanr, öö, üks",
    "Icelandic": "hvað er það? þú ert góður, já, ég sé rauðan bíl, ær",
    "Dutch": "is dat een reünie? één coördinaat, hè",
}
OTHERS = {
    "Turkish": ("kaç tane kırmızı şekil var? büyük, doğru, güneş, ağaç, İstanbul", "cp1254"),
    "Czech": ("kolik je tam červených koleček? žlutý, člověk, příliš, dům, něco", "cp1250"),
    "Slovak": ("koľko je tam červených? žltý, človek, môže, kôň, dážď", "cp1250"),
    "Polish": ("ile jest czerwonych kół? żółty, dużo, książka, są, źle", "cp1250"),
    "Hungarian": ("hány piros kör van? sárga, zöld, erdő, fűző, szőlő, tükör", "cp1250"),
    "Romanian": ("câte cercuri roşii sunt? mulţi, ţară, faţă, şi", "cp1250"),
    "German on a Mac": ("Wie groß ist das Mädchen? grün, Äpfel, für, größer, schön", "mac-roman"),
    "Greek": ("τι χρώμα έχει ο κύκλος; κόκκινο", "cp1253"),
    "Hebrew": ("כמה עיגולים אדומים יש?", "cp1255"),
}


@pytest.mark.parametrize("language", WESTERN)
def test_western_languages_are_read(tmp_path: Path, language: str) -> None:
    text = f"image,question\na.png,{WESTERN[language]}\n"
    read = read_table_text(table(tmp_path, text.encode("cp1252")))
    assert read.text == text
    assert "encoding=NAME" in read.notes[0]


@pytest.mark.parametrize("language", OTHERS)
def test_other_languages_are_refused_until_somebody_says_how(tmp_path: Path, language: str) -> None:
    line, encoding = OTHERS[language]
    text = f'image,answer,question\na.png,1,"{line}"\n'
    file = table(tmp_path, text.encode(encoding))
    with pytest.raises(DataError, match=r"in no other encoding.* table:q\.csv,encoding=cp1254"):
        read_table_text(file)
    assert read_table_text(file, encoding=encoding).text == text
    assert not read_table_text(file, encoding=encoding.upper()).notes
    (tmp_path / "a.png").write_bytes(b"\xff\xd8\xff")
    read = read_source(f"table:{file},encoding={encoding}")
    assert read.source == f"table:{file},encoding={encoding}"


@pytest.mark.parametrize("name", ["cp1255x", "utf8mb4", "base64", "rot13", "", "a\0b"])
def test_an_encoding_of_no_such_name(tmp_path: Path, name: str) -> None:
    file = table(tmp_path, GERMAN.encode("cp1252"))
    if not name:
        assert read_table_text(file, encoding=name).notes
        return
    with pytest.raises(DataError, match=r"unknown encoding .*Python knows more"):
        read_table_text(file, encoding=name)


def test_half_a_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"q\.csv: not whole UTF-16 \(at byte"):
        read_table_text(table(tmp_path, GERMAN.encode("utf-16")[:-1]))


@given(st.text(st.characters(exclude_categories=("Cs", "Cc"))))
def test_all_text_in_unicode_is_read(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    folder = tmp_path_factory.mktemp("text")
    for encoding in ("utf-8", "utf-16", "utf-32"):
        assert read_table_text(table(folder, text.encode(encoding))).text == text.lstrip("\ufeff")
