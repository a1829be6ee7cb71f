"""Headings: named, as documented, in capitals, or as others call them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from askattend.cli.words import as_meant
from askattend.data.readers.headings import Headings
from askattend.data.readers.registry import absolute_source, read_source
from askattend.errors import DataError


@pytest.mark.parametrize(
    ("names", "read"),
    [
        (["Bild", "Frage", "Antwort"], ["image", "question", "answer"]),
        (["Dateiname", "frage", "Antworten"], ["image", "question", "answers"]),
        (["图片", "问题", "答案", "编号"], ["image", "question", "answer", "id"]),
        (["File Name", "Question", "Label"], ["image", "question", "answer"]),
        (["image_path", "question_text", "Subset"], ["image", "question", "split"]),
        (["image", "file", "question"], ["image", "file", "question"]),
        (["Bild", "Datei", "Frage"], ["Bild", "Datei", "question"]),
        (["image", "IMAGE"], ["image", "IMAGE"]),
        (["", "Image", "x"], ["", "image", "x"]),
    ],
)
def test_what_others_call_columns(names: list[str], read: list[str]) -> None:
    assert Headings({}).read(names, "here") == read


def test_what_the_user_names_goes_first() -> None:
    headings = Headings({"question": "Prompt", "image": "img"})
    names = ["image", "img", "prompt", "question"]
    assert headings.read(names, "here") == [
        "image (not read)",
        "image",
        "question",
        "question (not read)",
    ]
    assert not headings.notes


def test_two_columns_of_one_meaning_are_refused() -> None:
    with pytest.raises(DataError, match="two columns are called 'image'"):
        Headings({}).read(["Image", "IMAGE", "question"], "here")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.png").write_bytes(b"\xff\xd8\xff")
    return tmp_path


@pytest.mark.parametrize("ending", ["csv", "json"])
def test_a_table_whose_columns_are_named_in_its_source(folder: Path, ending: str) -> None:
    cells = {"Imagen": "a.png", "La pregunta": "¿qué?", "Respuesta": "sí", "image": "x"}
    text = ";".join(cells) + "\n" + ";".join(cells.values())
    Path(f"q.{ending}").write_text(text if ending == "csv" else json.dumps([cells]), "utf-8")
    source = f"table:q.{ending},image=Imagen,question=La pregunta,answer=respuesta"
    for written in (source, absolute_source(source)):
        (question,) = read_source(written)
        assert (question.image, question.text, question.answers) == ("a.png", "¿qué?", (("sí", 1),))
    assert absolute_source(source).startswith(f"table:{folder}/q.")
    with pytest.raises(DataError, match=r"no column 'Imagn', .* Did you mean 'Imagen'"):
        read_source(source.replace("Imagen", "Imagn"))
    with pytest.raises(DataError, match=r"unknown option 'imag'.*Did you mean 'image'"):
        read_source(source.replace("image=", "imag="))


def test_what_was_recognised_is_noted(folder: Path) -> None:
    Path("q.csv").write_text("Bild;Frage;Antwort\na.png;was?;rot\n")
    questions = read_source("table:q.csv")
    assert questions.notes == ("read 'Bild' as image, 'Frage' as question, 'Antwort' as answer",)


@pytest.mark.parametrize(
    ("header", "remedy"),
    [
        ("Bild,Datei,Frage", "Say whether 'Bild' or 'Datei' is meant: --columns image=Bild"),
        ("Immagine,Domanda,Risposta", "say which does: --columns image=NAME"),
        ("imge,question", "Rename 'imge' to 'image'"),
        (
            "image,question,answer,subset,partition",
            "'subset' and 'partition' could each be the column 'split'. Say whether 'subset' or "
            "'partition' is meant: --columns split=subset",
        ),
        ("image,question,label,response", "'label' and 'response' could each be .* 'answer'"),
        ("image,question,answer,Frage-ID,Fragenummer", "could each be the column 'id'"),
    ],
)
def test_the_cure_for_a_missing_column(folder: Path, header: str, remedy: str) -> None:
    Path("q.csv").write_text(f"{header}\n{header}\n")
    with pytest.raises(DataError, match=remedy):
        read_source("table:q.csv")


@pytest.mark.parametrize("heading", ["Bild, gross", "a=b", "Bild/Foto", "Bild (groß)", "la imagen"])
@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_any_heading_can_be_named(folder: Path, heading: str, ending: str) -> None:
    row = {heading: "a.png", "question": "what?", "answer": "red"}
    text = f'"{heading}",question,answer\na.png,what?,red\n' if ending == "csv" else json.dumps(row)
    Path(f"q.{ending}").write_text(text, "utf-8")
    source = f'table:q.{ending},image="{heading}"'
    (words,) = as_meant([f"table:q.{ending}", "--columns", f'image="{heading}"'])
    assert words == source
    read = read_source(source)
    assert read.questions[0].image == "a.png"
    # What a report says to repeat it with reads the same again, from anywhere.
    for again in (read.source, absolute_source(source), absolute_source(read.source)):
        assert read_source(again).questions == read.questions
