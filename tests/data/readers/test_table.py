"""Tables: the four formats hold the same, and every mistake is named by file, row and remedy."""

from __future__ import annotations

import csv
import gzip
import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from askattend.data.questions import QASet
from askattend.data.readers.registry import read_source
from askattend.data.readers.table import read_table
from askattend.errors import DataError
from askattend.files.limits import QUESTION


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "pictures").mkdir()
    for name in ("a.png", "b.png", "pictures/c.png"):
        (tmp_path / name).write_bytes(b"\xff\xd8\xff")
    return tmp_path


def read(folder: Path, text: str, ending: str = "csv") -> QASet:
    file = folder / f"q.{ending}"
    file.write_text(text, encoding="utf-8", newline="")
    return read_table(file)


def read_lines(folder: Path, *rows: dict[str, Any]) -> QASet:
    return read(folder, "\n".join(map(json.dumps, rows)), "jsonl")


def row(**cells: Any) -> dict[str, Any]:
    return {"image": "a.png", "question": "what?", "answer": "red", **cells}


# --- what is read -----------------------------------------------------------------------------

cell = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1).filter(
    lambda text: text == text.strip() != ""
)
quoted = st.builds(lambda first, second: f'{first}"\n,\t{second}', cell, cell)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(cell | quoted, cell | quoted), min_size=1, max_size=5))
def test_all_formats_hold_the_same(folder: Path, pairs: list[tuple[str, str]]) -> None:
    rows = [row(question=question, answer=answer) for question, answer in pairs]
    texts = {
        "json": json.dumps(rows),
        "jsonl": "\n".join(map(json.dumps, rows)),
        "ndjson": "\r\n\r\n".join(json.dumps(r, ensure_ascii=False) for r in rows) + "\r\n",
    }
    for ending, dialect in (("csv", "excel"), ("tsv", "excel-tab")):
        stream = io.StringIO(newline="")
        writer = csv.DictWriter(stream, list(rows[0]), dialect=dialect)
        writer.writeheader()
        writer.writerows(rows)
        texts[ending] = "\ufeff" + stream.getvalue()
    for ending, text in texts.items():
        qaset = read(folder, text, ending)
        assert [(q.text, q.answers) for q in qaset] == [(q, ((a, 1),)) for q, a in pairs]


def test_all_columns(folder: Path) -> None:
    qaset = read(
        folder,
        "id,split,image,question,answers,question_type,answer_type,seen by\n"
        "7,Train,./a.png,what?,red|blue | red,colour,word,Ann\n"
        "x8,,pictures\\c.png,where?,here,,,Bob\n"
        "007,val,pictures//c.png,when?,,,,Bob\n"
        "9,test-dev,a.png,why?,because,,,\n",
    )
    assert qaset.source == f"table:{folder / 'q.csv'}"
    assert [q.id for q in qaset] == [7, "x8", "007", 9]
    assert [q.split for q in qaset] == ["train", "train", "valid", "test-dev"]
    assert [q.image for q in qaset] == ["a.png", "pictures/c.png", "pictures/c.png", "a.png"]
    assert qaset.images == {
        "a.png": folder / "a.png",
        "pictures/c.png": folder / "pictures/c.png",
    }
    assert [q.answers for q in qaset] == [
        (("red", 2), ("blue", 1)),
        (("here", 1),),
        (),
        (("because", 1),),
    ]
    assert [q.question_type for q in qaset] == ["colour", None, None, None]
    assert [q.answer_type for q in qaset] == ["word", None, None, None]
    assert qaset.notes == ("ignored columns: seen by",)


def test_ids_are_positions_where_there_are_none(folder: Path) -> None:
    assert [q.id for q in read_lines(folder, row(), row(id=None), row())] == [0, 1, 2]


def test_an_absolute_image_is_read_where_it_is(folder: Path) -> None:
    (folder / "tables").mkdir()
    image = (folder / "a.png").as_posix()
    read = read_lines(folder / "tables", row(image=image))
    assert read.images == {"a.png": folder / "a.png"}
    assert [question.image for question in read] == ["a.png"]
    within = read_lines(folder, row(image=image), row(image="a.png"))
    assert within.images == {"a.png": folder / "a.png"}


@pytest.mark.parametrize(
    ("cells", "answers"),
    [
        ({"answer": 3}, [("3", 1)]),
        ({"answer": 2.5}, [("2.5", 1)]),
        ({"answer": True}, [("yes", 1)]),
        ({"answers": [False, "no", "maybe"]}, [("no", 2), ("maybe", 1)]),
        ({"answers": ["a", "b", "b", " b"]}, [("b", 3), ("a", 1)]),
        ({"answers": {"a": 1, "b": 9}}, [("b", 9), ("a", 1)]),
        ({"answer": ["x", "y"]}, [("x", 1), ("y", 1)]),
        ({"answer": "one", "answers": ["ten"]}, [("ten", 1)]),
        ({"answer": "one", "answers": []}, [("one", 1)]),
        ({"answer": "a|b"}, [("a|b", 1)]),
        ({"answers": "a"}, [("a", 1)]),
    ],
)
def test_answers_in_json(folder: Path, cells: dict[str, Any], answers: list[Any]) -> None:
    (question,) = read_lines(folder, {"image": "a.png", "question": "what?", **cells})
    assert list(question.answers) == answers


def test_only_answers_are_divided_in_csv(folder: Path) -> None:
    (question,) = read(folder, "image,question,answer\na.png,which?,a|b\n")
    assert question.answers == (("a|b", 1),)


@pytest.mark.parametrize("absent", [None, "", [], {}, float("nan")])
def test_a_whole_split_may_lack_answers(folder: Path, absent: Any) -> None:
    qaset = read_lines(folder, row(), row(split="test", answer=absent), row(split="valid"))
    assert [q.answers for q in qaset.split("test")] == [()]


@pytest.mark.parametrize("ending", ["csv", "tsv", "jsonl", "json"])
def test_names_of_columns_may_be_in_capitals(folder: Path, ending: str) -> None:
    names = {"Image": "a.png", "QUESTION": "what?", " Answer ": "red", "ID": 7, "Seen By": "Ann"}
    mark = "\t" if ending == "tsv" else ","
    lines = [mark.join(map(str, cells)) for cells in (names, names.values())]
    text = {"jsonl": json.dumps(names), "json": json.dumps([names])}.get(ending, "\n".join(lines))
    qaset = read(folder, text, ending)
    (question,) = qaset
    assert (question.id, question.image, question.text) == (7, "a.png", "what?")
    assert question.answers == (("red", 1),)
    assert qaset.notes == ("ignored columns: Seen By",)


def test_a_column_written_as_documented_goes_before_one_in_capitals(folder: Path) -> None:
    qaset = read(folder, "image,Question,question,answer\na.png,no,what?,red\n")
    assert [q.text for q in qaset] == ["what?"]
    assert qaset.notes == ("ignored columns: Question",)


def test_semicolons_divide_where_the_header_has_no_comma(folder: Path) -> None:
    text = '\n\ufeffImage;Question;Answers\na.png;"now; or later?";2,5|later\n'.lstrip("\n")
    (question,) = read(folder, text)
    assert (question.text, question.answers) == ("now; or later?", (("2,5", 1), ("later", 1)))
    (question,) = read(folder, "image,question,answer\na.png,a;b?,c;d\n")
    assert (question.text, question.answers) == ("a;b?", (("c;d", 1),))


def test_answers_that_are_passed_over_are_noted(folder: Path) -> None:
    text = "image,question,answer,answers\na.png,b,red,blue|red\na.png,b,red,\na.png,b,,red\n"
    qaset = read(folder, text)
    assert [dict(q.answers) for q in qaset] == [{"blue": 1, "red": 1}, {"red": 1}, {"red": 1}]
    assert qaset.notes == ("'answer' is ignored where 'answers' is there, too: 1 of 3",)


# --- mistakes ---------------------------------------------------------------------------------

HEAD = "image,question,answer\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"q\.csv: the table is empty"),
        (HEAD, r"q\.csv: the table is empty"),
        ("\n \n", r"the table is empty"),
        (
            "image,qestion\na.png,what\n",
            r"q\.csv:1: no column 'question' among .*\. Rename 'qestion' to 'question'\.",
        ),
        ("image,question_type\na.png,b\n", r"no column 'question' .* Add it, or rename the column"),
        ("image;qestion\na;b\n", r"q\.csv:1: no column 'question' among 'image', 'qestion'"),
        ("image;question;answer\na.png;b;c;d\n", r"header of 3\. .*holds ';' in double quotes"),
        ("Image,IMAGE,question\n", r"q\.csv:1: two columns are called 'image'"),
        ("image,image,question\n", r"q\.csv:1: two columns are called 'image'"),
        (
            HEAD + "a.png,what\n",
            r"q\.csv:2: 2 fields under a header of 3\. Write ',' between all 3",
        ),
        (HEAD + "a.png,what,is,it\n", r"q\.csv:2: 4 fields under a header of 3\. .*double quotes"),
        (HEAD + 'a.png,"wh\nat",red\na.png, ,red\n', r"q\.csv:4: the question is blank"),
        (HEAD + " ,what,red\n", r"q\.csv:2: the image is blank"),
        (HEAD + "\na.png,what,\n", r"q\.csv:3: no answer, in split 'train'"),
        (HEAD + 'a.png,"what,red\n', r"q\.csv:2: malformed row \(unexpected end of data\)"),
        (HEAD + 'a.png,"w" x,red\n', r"q\.csv:2: malformed row \("),
        (
            "image,question,anwser\na.png,b,c\n",
            r"q\.csv:2: no column 'answer'.*Rename 'anwser' to 'answer'",
        ),
        ("image,question,answers\na.png,b,c||d\n", r"2: 'answers' holds a blank answer.*divides"),
        ("id,image,question,answer\n1,a.png,b,c\n,a.png,b,c\n", r"q\.csv:3: the id is blank"),
        ("id,image,question,answer\n1,a.png,b,c\n1,a.png,b,c\n", r"3: the id 1 is taken by .*:2\."),
    ],
)
def test_mistakes_in_csv(folder: Path, text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read(folder, text)


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ({"question": None}, "the question is blank"),
        ({"question": 5}, "the question is a number. Write it as text"),
        ({"image": 12}, "the image is a number"),
        ({"image": "  "}, "the image is blank"),
        ({"split": ["train"]}, "the split is a list"),
        ({"id": 1.5}, "the id is a number"),
        ({"id": True}, "the id is true or false"),
        ({"answer": None}, "no answer, in split 'train'"),
        ({"answer": " "}, "no answer, in split 'train'"),
        ({"answers": ["red", None]}, "'answers' holds a blank answer"),
        ({"answers": ["red", " "]}, "'answers' holds a blank answer"),
        ({"answers": [{"answer": "red"}]}, "'answers' holds an answer that is an object"),
        ({"answers": "red|blue"}, "'answers' is the text 'red|blue'"),
        ({"answers": {"red": 0}}, "'answers' holds a count of 0"),
        ({"answers": {"red": True}}, "'answers' holds a count of true"),
        ({"answers": {"red": "two"}}, "'answers' holds a count of \"two\""),
    ],
)
def test_mistakes_in_a_json_row(folder: Path, cells: dict[str, Any], message: str) -> None:
    # An id in one row asks for one in all.
    first = row(id=7) if "id" in cells else row()
    with pytest.raises(DataError) as caught:
        read_lines(folder, first, row(**cells))
    assert str(caught.value).startswith(f"{folder / 'q.jsonl'}:2: {message}")
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("text", "ending", "message"),
    [
        ('{"image": 1,}', "jsonl", r"q\.jsonl:1: malformed JSON: .* at column 1[23]"),
        ('\n{"image"', "ndjson", r"q\.ndjson:2: malformed JSON: .* at column 9"),
        ('[1,\n {"image" 1}]', "json", r"q\.json:2: malformed JSON: .* at column 11"),
        ('{"image": "a\\ud83d"}', "jsonl", r"q\.jsonl: half a character"),
        ("[1]", "jsonl", r"q\.jsonl\[0\]: the row is a number, not an object"),
        ("[1]\n[2]", "jsonl", r"q\.jsonl:1: the row is a list, not an object"),
        ("[3]", "json", r"q\.json\[0\]: the row is a number, not an object"),
        ("{}", "json", r"q\.json: the file does not hold a list"),
        ("[]", "json", r"q\.json: the table is empty"),
        ("[{}]", "json", r"q\.json\[0\]: no columns"),
        ("", "jsonl", r"q\.jsonl: the table is empty"),
        ("", "ods", r"cannot have the extension '\.ods'\. Save it as \.xlsx"),
        ("", "doc", r"the extension '\.doc'\. Use one of \.csv, \.tsv, \.jsonl"),
        ("", "txt", r"cannot have the extension"),
    ],
)
def test_malformed_files(folder: Path, text: str, ending: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read(folder, text, ending)


def test_a_row_without_a_column_names_the_nearest(folder: Path) -> None:
    with pytest.raises(DataError, match=r"jsonl:2: no column 'image' among 'imge', .*'imge' to"):
        read_lines(folder, row(), {"imge": "a.png", "question": "what?", "answer": "red"})


def test_ids_equal_as_text_are_duplicates(folder: Path) -> None:
    with pytest.raises(DataError, match=r"jsonl:2: the id 7 is taken by .*jsonl:1"):
        read_lines(folder, row(id=7), row(id="7"))


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ({"answer": " "}, "no answer, in split 'train'"),
        ({"question": ""}, "the question is blank"),
        ({"question": 5}, "the question is a number"),
        ({"answers": ["red", ""]}, "'answers' holds a blank answer"),
        ({"id": ""}, "the id is blank"),
        ({"id": "0"}, "the id 0 is taken by {file}:1"),
    ],
)
def test_like_mistakes_are_counted_and_the_first_few_named(
    folder: Path, cells: dict[str, Any], message: str
) -> None:
    rows = [row(id=str(number)) | (cells if number % 2 else {}) for number in range(1200)]
    with pytest.raises(DataError) as caught:
        read_lines(folder, *rows)
    message = message.format(file=folder / "q.jsonl")
    assert str(caught.value).startswith(
        f"{folder / 'q.jsonl'}:2: {message}; 600 such cases, "
        f"also q.jsonl:4 ({message}), q.jsonl:6 ({message}), …. "
    )


def test_a_split_answered_in_part_is_refused(folder: Path) -> None:
    with pytest.raises(DataError, match=r"jsonl:3: no answer, in split 'test'\. Fill it in"):
        read_lines(folder, row(), row(split="test"), row(split="test", answer=None))


def test_missing_images_are_counted_and_named(folder: Path) -> None:
    names = ["a.png", *(f"no{n}.png" for n in range(5)), "no0.png", "x" * 5000]
    with pytest.raises(DataError) as caught:
        read_lines(folder, *(row(image=name) for name in names))
    message = str(caught.value)
    assert message.startswith(f"{folder / 'q.jsonl'}:2: 6 of 7 images do not exist: ")
    assert str(folder / "no2.png") in message
    assert "no3.png" not in message
    assert f"relative to the table's folder, {folder.resolve()}" in message


def test_images_that_nobody_looks_at_may_be_missing(folder: Path) -> None:
    (folder / "q.csv").write_text(HEAD + "gone.png,what?,red\n")
    source = f"table:{folder / 'q.csv'}"
    assert read_source(source, images=False).images == {"gone.png": folder / "gone.png"}
    with pytest.raises(DataError, match="1 of 1 images do not exist"):
        read_source(source)


@pytest.mark.parametrize(
    "image", ["https://example.org/a.png", "s3://bucket/a.png", "data:image/png;base64,AAAA"]
)
def test_images_that_are_addresses_are_refused(folder: Path, image: str) -> None:
    with pytest.raises(DataError, match=r"2: the image is an address \(.*Download the images"):
        read_lines(folder, row(), row(image=image))


@pytest.mark.parametrize("column", ["question", "answer"])
def test_what_is_too_long_is_refused(folder: Path, column: str) -> None:
    assert len(read_lines(folder, row(**{column: "x" * QUESTION.default}))) == 1
    with pytest.raises(DataError, match=rf"2: the {column} has 2,001 characters; 2 such cases"):
        read_lines(folder, row(), *[row(**{column: "x" * (QUESTION.default + 1)})] * 2)


@pytest.mark.parametrize(
    ("answers", "read_as", "noted"),
    [
        ([3.0, 3, -0.0, 2.5], ["3", "3", "0", "2.5"], False),
        (["3.0", "3", "2.0"], ["3", "3", "2.0"], True),
        (["3.0", 3], ["3", "3"], True),
        (["2.0", "1.10"], ["2.0", "1.10"], False),
    ],
)
def test_one_number_is_one_answer(
    folder: Path, answers: list[Any], read_as: list[str], noted: bool
) -> None:
    qaset = read_lines(folder, *(row(answer=answer) for answer in answers))
    assert [q.answers[0][0] for q in qaset] == read_as
    assert any("read as '3'" in note for note in qaset.notes) == noted


def test_one_number_among_several_answers(folder: Path) -> None:
    qaset = read_lines(folder, row(answers=[3.0, "3", 4]), row(answers={"3.0": 2, "3": 1}))
    assert [q.answers for q in qaset] == [(("3", 2), ("4", 1)), (("3", 3),)]


def test_ids_that_pandas_wrote(folder: Path) -> None:
    assert [q.id for q in read_lines(folder, row(id=1.0), row(id=2.0))] == [1, 2]


def test_a_packed_table_is_read(folder: Path) -> None:
    file = folder / "q.csv"
    file.write_bytes(gzip.compress((HEAD + "a.png,what?,red\n").encode()))
    assert [q.text for q in read_table(file)] == ["what?"]
    named = folder / "q.TSV.gz"
    named.write_bytes(gzip.compress((HEAD + "a.png,what?,red\n").replace(",", "\t").encode()))
    assert [q.answers for q in read_table(named)] == [(("red", 1),)]


def test_a_missing_table_is_named(folder: Path) -> None:
    with pytest.raises(DataError, match=r"none\.csv: cannot be read \(No such file"):
        read_table(folder / "none.csv")


def test_one_name_for_two_pictures_is_refused(folder: Path) -> None:
    rows = (row(located_at="a.png"), row(located_at="b.png"))
    with pytest.raises(DataError, match=r"lies at b\.png, and above at a\.png"):
        read_lines(folder, *rows)


def test_a_zero_byte_is_no_other_encoding(folder: Path) -> None:
    (question,) = read(folder, "image,question,answer\na.png,what\0?,yes\n")
    assert question.text == "what\0?"


def test_lists_too_deep_are_refused(folder: Path) -> None:
    with pytest.raises(DataError, match="too deep"):
        read(folder, "[" * 200_000, "json")


# --- files that are nearly there --------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "near"),
    [
        ("A.PNG", "A.PNG may be a.png"),
        ("b", "b may be b.png"),
        ("pictures/C", "C may be pictures/c.png"),
        ("C:\\photos\\a.png", "a.png may be a.png"),
        ("c.png", "c.png may be pictures/c.png"),
        ("other/C", "C may be pictures/c.png"),
    ],
)
def test_missing_images_are_told_with_what_they_may_be(
    folder: Path, written: str, near: str
) -> None:
    text = f"image,question,answer\n{written},what?,red\n"
    with pytest.raises(DataError, match=f"Check the names: {near}"):
        read(folder, text)
    (note,) = read_table(folder / "q.csv", images=False).notes
    assert note.endswith(f"; {near}")


def test_of_two_near_files_neither_is_named(folder: Path) -> None:
    (folder / "a.jpg").write_bytes(b"\xff\xd8\xff")
    with pytest.raises(DataError) as refused:
        read(folder, "image,question,answer\na,what?,red\n")
    assert "may be" not in str(refused.value)


def test_the_mark_between_joined_files_is_no_part_of_a_name(folder: Path) -> None:
    rows = read(folder, "image,question,answer\na.png,what?,red\n\ufeffb.png,what?,red\n")
    assert [question.image for question in rows.questions] == ["a.png", "b.png"]


# --- all mistakes at once ---------------------------------------------------------------------

MESSY = (
    "image,question,answer\n"
    "a.png,,red\n"
    "a.png,what?,\n"
    "gone.png,what?,red\n"
    "notes.docx,where?,there\n"
    "b.png,which?,one,two\n"
    "b.png,why?,#N/A\n"
    "empty.png,,\n"
    "b.png,how?,well\n"
)


def messy(folder: Path) -> Path:
    (folder / "notes.docx").write_bytes(b"PK\x03\x04" + bytes(40))
    (folder / "empty.png").touch()
    file = folder / "q.csv"
    file.write_text(MESSY)
    return file


@pytest.mark.parametrize("images", [True, False])
def test_one_reading_tells_mistakes_of_all_kinds(folder: Path, images: bool) -> None:
    with pytest.raises(DataError) as told:
        read_table(messy(folder), images=images)
    message = str(told.value)
    for told_of in (
        "q.csv:2: the question is blank",
        "q.csv:8 (the question is blank)",
        "q.csv:3: no answer",
        "q.csv:8 (no answer",
        "1 of 5 images do not exist",
        "gone.png",
        "2 of 5 images are no pictures",
        "notes.docx",
        "q.csv:6: 4 fields under a header of 3",
        "q.csv:7: the answer is #N/A",
        "table:q.csv,skip=broken",
    ):
        assert told_of in message
    assert message.count("delete the row") == message.count("\n- ") == 6


def test_a_missing_column_is_told_once_with_the_others(folder: Path) -> None:
    file = folder / "q.csv"
    file.write_text("view,question,answer\na.png,,red\nb.png,what?,\n")
    with pytest.raises(DataError, match="3 mistakes of 3 kinds") as told:
        read_table(file)
    assert str(told.value).count("no column 'image'") == 1
    with pytest.raises(DataError, match="3 mistakes of 3 kinds") as told:
        read_table(file, image="Bild")
    assert str(told.value).count("which was to be 'image'") == 1


def test_rows_with_mistakes_of_their_own_are_left_out_and_counted(folder: Path) -> None:
    for images in (True, False):
        read = read_table(messy(folder), images=images, skip="broken")
        assert [(question.id, question.text) for question in read] == [(6, "how?")]
        assert read.images == {"b.png": folder / "b.png"}
        assert read.source.endswith("q.csv,skip=broken")
        (note,) = read.notes
        assert note.startswith("left out 7 of 8 rows: ")
    assert read_source(read.source).questions == read.questions


def test_what_is_wrong_with_the_whole_table_is_not_left_out(folder: Path) -> None:
    (folder / "q.csv").write_text("view,question,answer\na.png,what?,red\n")
    with pytest.raises(DataError, match="no column 'image'"):
        read_table(folder / "q.csv", skip="broken")
    (folder / "q.csv").write_text("image,question,answer\na.png,,red\n")
    with pytest.raises(DataError, match="left out 1 of 1 rows"):
        read_table(folder / "q.csv", skip="broken")
    (folder / "q.csv").write_text("image,question,answer\ngone.png,what?,red\n")
    assert len(read_table(folder / "q.csv", images=False, skip="broken")) == 1
    with pytest.raises(DataError, match="unknown value of skip"):
        read_source(f"table:{folder / 'q.csv'},skip=everything")


@pytest.mark.parametrize("format", ["PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM", "TGA"])
def test_pictures_of_all_formats_are_pictures(folder: Path, format: str) -> None:
    Image.new("RGB", (3, 2)).save(folder / "a.png", format=format)
    assert read(folder, "image,question,answer\na.png,what?,red\n").notes == ()


def test_a_test_split_is_held_out_the_same_from_any_copy(folder: Path) -> None:
    text = "image,question,answer\na.png,what?,red\nb.png,what?,blue\n"
    read(folder, text)
    held = [read_table(folder / "q.csv", test="0.2", seed=seed) for seed in ("", "", "1", "2")]
    assert [question.split for question in held[0]].count("test") == 1
    assert held[0].questions == held[1].questions
    assert held[3].source.endswith("q.csv,seed=2,test=0.2")
    assert len({one.questions for one in held}) == 2
