"""Data sets of other people in Parquet and Arrow: their columns, pictures, splits and names."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from askattend.data.questions import QASet
from askattend.data.readers.registry import absolute_source, read_source, read_source_as_it_is
from askattend.errors import DataError
from commands import Call
from environment.pointing import point_to
from environment.stub_hub import CONVERTED, Hub, running_hub

pa = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ASKATTEND_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def png(shade: int) -> bytes:
    content = io.BytesIO()
    Image.new("RGB", (4, 3), (shade, 0, 0)).save(content, "PNG")
    return content.getvalue()


def row(
    shade: int = 0, question: str = "what?", answer: Any = "red", **more: Any
) -> dict[str, Any]:
    return {
        "image": {"bytes": png(shade), "path": None},
        "question": question,
        "answer": answer,
    } | more


def save(
    rows: list[dict[str, Any]], file: Path, *, features: Any = None, schema: Any = None
) -> Path:
    table = pa.Table.from_pylist(rows, schema=schema)
    if features is not None:
        noted = {b"huggingface": json.dumps({"info": {"features": features}}).encode()}
        table = table.replace_schema_metadata(noted)
    file.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(table, file)
    return file


def read(rows: list[dict[str, Any]], folder: Path, options: str = "", **how: Any) -> QASet:
    return read_source(f"parquet:{save(rows, folder / 'q.parquet', **how)}{options}")


# --- columns --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cell", "answers"),
    [
        ("red", (("red", 1),)),
        (3, (("3", 1),)),
        (3.0, (("3", 1),)),
        (2.5, (("2.5", 1),)),
        (True, (("yes", 1),)),
        (["red", "blue", "red"], (("red", 2), ("blue", 1))),
        ([{"answer": "a", "answer_confidence": "yes"}, {"answer": "b"}], (("a", 1), ("b", 1))),
        ({"answer": ["a", "b", "a"], "answer_id": [1, 2, 3]}, (("a", 2), ("b", 1))),
        ({"text": ["a"], "answer_start": [4]}, (("a", 1),)),
        ("a|b", (("a|b", 1),)),
    ],
)
@pytest.mark.parametrize("column", ["answer", "answers", "Antwort"])
def test_answers_in_all_forms(cell: Any, answers: object, column: str, tmp_path: Path) -> None:
    asked = {key: value for key, value in row().items() if key != "answer"}
    (question,) = read([{**asked, column: cell}], tmp_path).questions
    assert question.answers == answers


def test_counts_of_a_map(tmp_path: Path) -> None:
    schema = pa.schema(
        [
            ("image", pa.binary()),
            ("question", pa.string()),
            ("answer", pa.map_(pa.string(), pa.int64())),
        ]
    )
    (question,) = read(
        [{"image": png(0), "question": "?", "answer": {"red": 7, "blue": 3}}],
        tmp_path,
        schema=schema,
    ).questions
    assert question.answers == (("red", 7), ("blue", 3))


def test_classes_have_their_names(tmp_path: Path) -> None:
    label = {"names": ["no", "yes"], "_type": "ClassLabel"}
    features = {"answer": label, "question_type": label}
    rows = [row(answer=1, question_type=0), row(answer=0, question_type=1)]
    first, second = read(rows, tmp_path, features=features).questions
    assert (first.answers, first.question_type) == ((("yes", 1),), "no")
    assert (second.answers, second.question_type) == ((("no", 1),), "yes")


def test_columns_are_named_as_those_of_tables(tmp_path: Path, call: Call) -> None:
    rows = [
        {"Bild": png(n), "Frage": "was?", "antwort": "rot", "fold": s} for n, s in enumerate("ab")
    ]
    file = save(rows, tmp_path / "q.parquet")
    assert [q.text for q in read_source(f"parquet:{file}")] == ["was?"] * 2
    status, out, _ = call("data", f"parquet:{file}", "--columns", "split=fold", "--json")
    assert status == 0
    assert list(json.loads(out)["splits"]) == ["a", "b"]
    with pytest.raises(DataError, match="no column 'Foto', which was to be 'image'"):
        read_source(f"parquet:{file},image=Foto")


def test_ids_are_the_columns_or_numbers_within_a_split(tmp_path: Path) -> None:
    rows = [row(n, question_id=n + 5, split=s) for n, s in enumerate(["train", "val", "val"])]
    assert [q.id for q in read(rows, tmp_path)] == [5, 6, 7]
    rows = [{**each, "question_id": 1} for each in rows]
    whole = read(rows, tmp_path)
    assert [q.id for q in whole] == ["train-0", "valid-0", "valid-1"]


# --- pictures -------------------------------------------------------------------------------------


def test_equal_pictures_are_one_image(tmp_path: Path) -> None:
    read_set = read([row(1), row(2), row(1)], tmp_path)
    first, second, third = (question.image for question in read_set)
    assert first == third != second
    assert read_set.images[first].read_bytes() == png(1)


@pytest.mark.parametrize("column", ["image_id", "path"])
def test_names_are_the_images_ids_if_they_tell_pictures_apart(column: str, tmp_path: Path) -> None:
    def named(*names: str | None) -> list[str]:
        rows = [row(n // 2) for n in range(len(names))]
        for each, name in zip(rows, names, strict=True):
            if column == "path":
                each["image"]["path"] = name
            else:
                each["image_id"] = name
        return [question.image for question in read(rows, tmp_path)]

    assert named("a", "a", "b", "b") == ["a", "a", "b", "b"]
    for names in (("a", "a", "a", "b"), ("a", "a", "b", None)):
        first, second, third, fourth = named(*names)
        assert first == second != third == fourth
        assert "a" not in (first, third)


def test_a_path_of_somebodys_machine_is_no_id(tmp_path: Path) -> None:
    rows = [row(n) for n in range(2)]
    for n, each in enumerate(rows):
        each["image"]["path"] = f"/home/ann/{n}.png"
    assert [q.image for q in read(rows, tmp_path)] == ["0.png", "1.png"]


@pytest.mark.parametrize("form", ["text", "struct", "list"])
def test_pictures_beside_the_file(form: str, tmp_path: Path) -> None:
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "a.png").write_bytes(png(7))
    cell: Any = {
        "text": "p/a.png",
        "struct": {"bytes": None, "path": "p/a.png"},
        "list": ["p/a.png"],
    }
    read_set = read([{**row(), "image": cell[form]}], tmp_path)
    assert read_set.images == {"p/a.png": tmp_path / "p" / "a.png"}
    (tmp_path / "p" / "a.png").unlink()
    source = read_set.source
    with pytest.raises(DataError, match=r"1 of 1 images are not there: p/a.png"):
        read_source(source)
    assert any("images are not there" in note for note in read_source_as_it_is(source).notes)


def test_a_replaced_file_has_other_pictures(tmp_path: Path) -> None:
    (before,) = read([row(1)], tmp_path).images.values()
    (after,) = read([row(2)], tmp_path).images.values()
    assert (before.read_bytes(), after.read_bytes()) == (png(1), png(2))
    # Read once more, nothing is unpacked anew; what was removed is.
    made = after.stat().st_mtime_ns
    (again,) = read_source(f"parquet:{tmp_path / 'q.parquet'}").images.values()
    assert again.stat().st_mtime_ns == made
    after.unlink()
    (again,) = read_source(f"parquet:{tmp_path / 'q.parquet'}").images.values()
    assert again.read_bytes() == png(2)


def test_unpacked_pictures_are_listed_and_cleared(tmp_path: Path, cache: Path, call: Call) -> None:
    source = read([row(1)], tmp_path).source
    (kept,) = json.loads(call("cache", "--json")[1])["cached"]
    assert (kept["kind"], kept["files"]) == ("pictures", 2)
    assert call("cache", "--clear")[0] == 0
    assert not list((cache / "pictures").glob("[!.]*"))
    (image,) = read_source(source).images.values()
    assert image.is_file()


# --- mistakes -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"image": b"x", "answer": "a"}], "no column 'question'"),
        ([{"question": "?", "answer": "a"}], "no column 'image'"),
        ([row(question=" ")], r"\[0\]: the question is blank"),
        ([row(), row(answer=None)], r"\[1\]: no answer, in split 'train'"),
        ([row(answer={"ids": ["a"]})], "the answers hold an object"),
        ([row(question="x" * 3000)], "the question has 3,000 characters"),
        ([row(answer="x" * 3000)], "the answer has 3,000 characters"),
        ([{**row(), "image": 5}], "holds int64, and no pictures"),
        ([{**row(), "image": None}], "holds null, and no pictures"),
        ([{**row(), "image": [png(0), png(1)]}], "several pictures a row"),
        ([{**row(), "image": ""}], "the image is blank"),
        ([{**row(), "image": "https://example.org/a.png"}], "the image is an address"),
        ([row(id=True)], "the id is true or false"),
    ],
)
def test_mistakes_are_told(rows: list[dict[str, Any]], message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=message):
        read(rows, tmp_path)


def test_what_is_no_such_file(tmp_path: Path) -> None:
    (tmp_path / "x.parquet").write_bytes(b"hello, world")
    with pytest.raises(DataError, match="is no Parquet or Arrow file"):
        read_source(f"parquet:{tmp_path / 'x.parquet'}")
    with pytest.raises(DataError, match="cannot be read"):
        read_source(f"parquet:{tmp_path / 'y.parquet'}")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="holds no Parquet or Arrow file"):
        read_source(f"parquet:{tmp_path / 'empty'}")


def test_who_names_it_otherwise_is_told(tmp_path: Path) -> None:
    file = save([row()], tmp_path / "q.parquet")
    with pytest.raises(DataError, match=f"Write parquet:{file} for it"):
        read_source(f"table:{file}")
    with pytest.raises(DataError, match=f"For a parquet, write parquet:{file}"):
        read_source(str(file))


# --- splits and configurations --------------------------------------------------------------------


def test_a_split_is_chosen(tmp_path: Path) -> None:
    for n, split in enumerate(("train", "validation", "test")):
        save([row(n)], tmp_path / "d" / "data" / f"{split}-00000-of-00001.parquet")
    source = f"parquet:{tmp_path / 'd'}"
    assert read_source(source).splits == {"test": 1, "train": 1, "valid": 1}
    assert read_source(f"{source},split=val").splits == {"valid": 1}
    assert read_source(f"{source},split=train+test").splits == {"test": 1, "train": 1}
    assert read_source(f"{source},split=test").questions[0].id == "test-0"
    assert absolute_source(f"{source},split=test") == f"{source},split=test"
    with pytest.raises(DataError, match=r"no split 'tset'.*Did you mean 'test'"):
        read_source(f"{source},split=tset")


def test_shared_pictures_are_told(tmp_path: Path) -> None:
    for split in ("train", "test"):
        save([row(1)], tmp_path / "d" / f"{split}.parquet")
    (note,) = read_source(f"parquet:{tmp_path / 'd'}").notes
    assert note == "splits share images: 1 of 'test' and 'train'"


# --- the hub --------------------------------------------------------------------------------------


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    pytest.importorskip("huggingface_hub")
    with running_hub() as hub:
        point_to(hub.address, tmp_path, monkeypatch)
        yield hub


def content(*rows: dict[str, Any]) -> bytes:
    written = io.BytesIO()
    parquet.write_table(pa.Table.from_pylist(list(rows)), written)
    return written.getvalue()


def test_a_data_set_of_the_hub(hub: Hub, call: Call, tmp_path: Path) -> None:
    files = {
        f"data/{s}-00000-of-00001.parquet": content(row(n)) for n, s in enumerate(["train", "test"])
    }
    hub.data_sets["ann/birds"] = {"main": {**files, "README.md": b"# Birds", "x.bin": b"x"}}
    read_set = read_source("hf:ann/birds,split=test")
    assert (read_set.splits, read_set.source) == ({"test": 1}, "hf:ann/birds,split=test")
    assert [image.read_bytes() for image in read_set.images.values()] == [png(1)]
    fetched = [path for path in hub.asked if "resolve" in path]
    assert not [path for path in fetched if "train" in path or path.endswith("x.bin")]
    assert absolute_source("hf:ann/birds,split=test") == "hf:ann/birds,split=test"
    status, out, _ = call("data", "hf:ann/birds", "--json")
    assert (status, json.loads(out)["questions"]) == (0, 2)


def test_what_was_fetched_serves_when_the_hub_is_gone(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.data_sets["ann/birds"] = {"main": {"train.parquet": content(row())}}
    before = read_source("hf:ann/birds")
    point_to("http://127.0.0.1:9", tmp_path, monkeypatch)
    assert read_source("hf:ann/birds") == before
    with pytest.raises(DataError, match=r"hf:bob/none: the model hub could not be reached"):
        read_source("hf:bob/none")


def test_what_the_hub_has_made_parquet_of(hub: Hub) -> None:
    hub.data_sets["ann/birds"] = {
        "main": {"train.csv": b"image,question,answer"},
        CONVERTED: {
            "default/train/0000.parquet": content(row()),
            "default/val/0000.parquet": content(row(1)),
        },
    }
    assert read_source("hf:ann/birds").splits == {"train": 1, "valid": 1}


def test_configurations_of_the_card(hub: Hub) -> None:
    card = (
        b"---\nconfigs:\n- config_name: easy\n  default: true\n  data_files:\n  - split: train\n"
        b"    path: e/*.parquet\n- config_name: hard\n  data_files: h/a.parquet\n---\n# Birds"
    )
    files = {"e/x.parquet": content(row()), "h/a.parquet": content(row(1), row(2))}
    hub.data_sets["ann/birds"] = {"main": {"README.md": card, **files}}
    assert len(read_source("hf:ann/birds")) == 1
    assert len(read_source("hf:ann/birds,config=hard")) == 2
    with pytest.raises(DataError, match=r"no configuration 'hrad'.*Did you mean 'hard'"):
        read_source("hf:ann/birds,config=hrad")


def test_pictures_beside_the_files_of_the_hub(hub: Hub) -> None:
    rows = [{**row(), "image": f"images/[{n}] a.png"} for n in range(2)]
    files = {f"images/[{n}] a.png": png(n) for n in range(2)}
    hub.data_sets["ann/birds"] = {"main": {"train.parquet": content(*rows), **files}}
    read_set = read_source("hf:ann/birds")
    assert [file.read_bytes() for file in read_set.images.values()] == [png(0), png(1)]


@pytest.mark.parametrize("path", ["/etc/passwd", "../../secret.png", "a/../../b.png", "C:/x.png"])
def test_no_picture_lies_outside_of_the_hubs_data_set(path: str, hub: Hub) -> None:
    hub.data_sets["ann/birds"] = {"main": {"train.parquet": content({**row(), "image": path})}}
    with pytest.raises(DataError, match="outside of the data set"):
        read_source("hf:ann/birds")


def test_no_file_of_it_lies_outside(hub: Hub) -> None:
    files = {"train.parquet": content(row()), "../../up.parquet": b"x", "/etc/x.parquet": b"x"}
    hub.data_sets["ann/birds"] = {"main": files}
    assert len(read_source("hf:ann/birds")) == 1


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("hf:ann/none", "the model hub does not have it"),
        ("hf:birds", "is no name of a data set"),
        ("hf:../../etc", "is no name of a data set"),
        ("hf:", "lacks its USER/NAME"),
        ("hf:ann/birds,splt=test", "unknown option 'splt'"),
    ],
)
def test_names_that_are_none(source: str, message: str, hub: Hub) -> None:
    with pytest.raises(DataError, match=message):
        read_source(source)


ARROW: dict[str, Callable[[Any, Any], Any]] = {
    "stream": lambda sink, schema: pa.ipc.new_stream(sink, schema),
    "file": lambda sink, schema: pa.ipc.new_file(sink, schema),
}


@pytest.mark.parametrize("form", list(ARROW))
def test_both_forms_of_arrow(form: str, tmp_path: Path) -> None:
    table = pa.Table.from_pylist([row(n) for n in range(5)])
    with ARROW[form](str(tmp_path / "x.arrow"), table.schema) as writer:
        writer.write_table(table, max_chunksize=2)
    assert len(read_source(f"arrow:{tmp_path / 'x.arrow'}").images) == 5


def test_a_store_is_tied_to_what_the_pictures_are(tmp_path: Path, call: Call) -> None:
    store = tmp_path / "store"

    def extract(*shades: int) -> str:
        rows = [row(shade, image_id=f"{n}") for n, shade in enumerate(shades)]
        source = f"parquet:{save(rows, tmp_path / 'q.parquet')}"
        status, _, err = call("extract", source, "--out", store, "--image-size", "64")
        assert status == 0, err
        return err

    assert "2 images" in extract(1, 2)
    assert "no image to extract" in extract(1, 2)
    assert "1 of them anew, as their files have changed: 1" in extract(1, 200)


@pytest.mark.parametrize("cell", [[[1]], ["x", None], 5, None])
def test_a_column_called_as_ours_is_no_pairs(cell: Any, tmp_path: Path) -> None:
    rows = [row(n, f"{n}?", askattend_pairs=cell) for n in range(2)]
    assert read(rows, tmp_path).pairs == ()


# --- forms of the same ----------------------------------------------------------------------------

FORMS: dict[str, dict[str, Any]] = {
    "small pages": {"data_page_size": 100, "dictionary_pagesize_limit": 200},
    "small groups": {"row_group_size": 7},
    "of the second version": {"data_page_version": "2.0", "compression": "zstd"},
    "nothing repeats": {"use_dictionary": False, "compression": "none"},
    "lengths apart": {
        "use_dictionary": False,
        "compression": "gzip",
        "column_encoding": {
            "question": "DELTA_LENGTH_BYTE_ARRAY",
            "answers.list.element": "DELTA_LENGTH_BYTE_ARRAY",
        },
    },
    "what is shared": {
        "use_dictionary": False,
        "data_page_version": "2.0",
        "compression": "lz4",
        "column_encoding": {
            "question": "DELTA_BYTE_ARRAY",
            "answers.list.element": "DELTA_BYTE_ARRAY",
        },
    },
}


def many_rows() -> Any:
    rows = [
        row(n % 5, f"what is number {n * n}?", answers=["red", f"blue {n % 30}"], id=n)
        for n in range(300)
    ]
    rows[7]["answers"] = ["red"] * 40
    for each in rows:
        del each["answer"]
    return pa.Table.from_pylist(rows)


def same(found: QASet) -> list[Any]:
    return [(q.id, q.text, q.answers, found.images[q.image].read_bytes()) for q in found]


@pytest.mark.parametrize("form", list(FORMS))
def test_however_a_file_is_written_its_questions_are_the_same(form: str, tmp_path: Path) -> None:
    file = tmp_path / "q.parquet"
    parquet.write_table(many_rows(), file)
    usual = same(read_source(f"parquet:{file}"))
    assert len(usual) == 300
    parquet.write_table(many_rows(), file, **FORMS[form])
    assert same(read_source(f"parquet:{file}")) == usual


@pytest.mark.parametrize("compression", [None, "lz4", "zstd"])
@pytest.mark.parametrize("form", [pa.ipc.new_stream, pa.ipc.new_file])
def test_arrow_s_own_format_packed_or_not(
    form: Any, compression: str | None, tmp_path: Path
) -> None:
    file, rows = tmp_path / "q.parquet", many_rows()
    parquet.write_table(rows, file)
    usual = same(read_source(f"parquet:{file}"))
    column = rows.column_names.index("question")
    repeats = rows.set_column(column, "question", rows["question"].dictionary_encode())
    options = pa.ipc.IpcWriteOptions(compression=compression)
    with form(str(tmp_path / "q.arrow"), repeats.schema, options=options) as writer:
        writer.write_table(repeats, max_chunksize=70)
    assert same(read_source(f"arrow:{tmp_path / 'q.arrow'}")) == usual


def test_texts_as_views(tmp_path: Path) -> None:
    rows = pa.table(
        {
            "image": pa.array([png(0)]),
            "question": pa.array(["what is far from short?"], pa.string_view()),
            "answer": pa.array([["red", "not quite as short"]], pa.list_(pa.string_view())),
        }
    )
    with pa.ipc.new_stream(str(tmp_path / "q.arrow"), rows.schema) as writer:
        writer.write_table(rows)
    (question,) = read_source(f"arrow:{tmp_path / 'q.arrow'}")
    assert question.text == "what is far from short?"
    assert question.answers == (("red", 1), ("not quite as short", 1))
