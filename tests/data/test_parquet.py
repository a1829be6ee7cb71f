"""Written as Parquet, any set comes back as it was: by us, and by `datasets` in between."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from askattend.data.parquet import GROUP_ROWS, write_parquet
from askattend.data.questions import QASet, Question
from askattend.data.readers.registry import read_source
from askattend.errors import DataError
from small_questions import make_qaset, make_question

pytest.importorskip("pyarrow")


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("ASKATTEND_CACHE", str(folder))
    return folder


def picture(folder: Path, name: str, colour: tuple[int, int, int]) -> Path:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (5, 4), colour).save(file)
    return file


def same(read: QASet, written: QASet) -> None:
    assert read.questions == written.questions
    assert list(read.images) == list(dict.fromkeys(q.image for q in written))
    for image, file in read.images.items():
        assert file.read_bytes() == written.images[image].read_bytes()
    there = {question.id for question in written}
    assert set(read.pairs) == {pair for pair in written.pairs if there.issuperset(pair)}
    assert read.subsets == written.subsets


texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
words = texts.filter(str.strip)
boxes = st.lists(st.tuples(*4 * [st.floats(0, 1)]), max_size=2).map(tuple)
answers = st.dictionaries(texts, st.integers(1, 4), min_size=1, max_size=3).map(
    lambda counts: tuple(sorted(counts.items(), key=lambda pair: -pair[1]))
)
ids = st.one_of(
    st.lists(st.integers(-(2**70), 2**70), min_size=6, max_size=6, unique=True),
    st.lists(st.one_of(st.integers(0, 99), words), min_size=6, max_size=6, unique_by=str),
)


@settings(max_examples=12)
@given(data=st.data(), ids=ids)
def test_what_is_written_is_read_again(
    data: st.DataObject, ids: list[int | str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("set")
    names = data.draw(st.lists(words, min_size=3, max_size=3, unique=True))
    images = {name: picture(folder, f"{n}.png", (n, 0, 0)) for n, name in enumerate(names)}
    splits = data.draw(
        st.sampled_from([("train",), ("train", "valid", "test-dev"), ("a-b", "a_b")])
    )
    asked = tuple(
        Question(
            id,
            data.draw(st.sampled_from(names)),
            data.draw(words),
            data.draw(answers),
            data.draw(st.sampled_from(splits)),
            data.draw(st.one_of(st.none(), words)),
            data.draw(st.one_of(st.none(), words)),
            data.draw(boxes),
            data.draw(st.one_of(st.none(), words)),
        )
        for id in ids
    )
    subsets = {"some": frozenset(ids[:2])} if data.draw(st.booleans()) else {}
    written = QASet("some", asked, images, (), ((ids[0], ids[1]), (ids[0], "gone")), subsets)
    write_parquet(written, folder / "out")
    same(read_source(f"parquet:{folder / 'out'}"), written)


def squares(folder: Path) -> QASet:
    """More questions than a group of rows has, on two pictures, in splits that take turns."""
    images = {
        "a": picture(folder, "a.png", (9, 9, 9)),
        "b/c.png": picture(folder, "b.jpg", (1, 2, 3)),
    }
    splits = ("train", "valid", "test")
    questions = [
        make_question(
            f"is it {n}?",
            ("yes", 7),
            ("no", 3),
            id=n,
            image=sorted(images)[n % 2],
            split=splits[n % 3],
        )
        for n in range(3 * GROUP_ROWS)
    ]
    return make_qaset(*questions, images=images)


@pytest.mark.parametrize("way", ["load_dataset", "save_to_disk", "to_parquet"])
def test_datasets_loads_it_with_the_same_pixels(way: str, tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets", reason="`datasets` is not installed")
    written = squares(tmp_path)
    write_parquet(written, tmp_path / "out")
    loaded = datasets.load_dataset(str(tmp_path / "out"), cache_dir=str(tmp_path / "theirs"))
    assert list(loaded) == ["train", "validation", "test"]
    by_id = {question.id: question for question in written}
    for split in loaded.values():
        for row in split:
            question = by_id.pop(row["id"])
            assert (row["question"], row["image_id"]) == (question.text, question.image)
            assert row["answers"] == ["yes"] * 7 + ["no"] * 3
            own = Image.open(written.images[question.image])
            assert row["image"].tobytes() == own.tobytes()
    assert not by_id
    if way == "load_dataset":
        return
    if way == "save_to_disk":
        loaded.save_to_disk(str(tmp_path / "again"))
        source = f"arrow:{tmp_path / 'again'}"
    else:
        (tmp_path / "again").mkdir()
        for name, split in loaded.items():
            split.to_parquet(str(tmp_path / "again" / f"{name}.parquet"))
        source = f"parquet:{tmp_path / 'again'}"
    same(read_source(source), written)


def test_a_picture_of_many_questions_is_there_once_a_group(tmp_path: Path) -> None:
    noise = io.BytesIO()
    Image.effect_noise((200, 200), 90).save(noise, "PNG")
    (tmp_path / "n.png").write_bytes(noise.getvalue())
    asked = [make_question("?", ("a", 1), id=n, image="n") for n in range(GROUP_ROWS)]
    (file,) = write_parquet(make_qaset(*asked, images={"n": tmp_path / "n.png"}), tmp_path / "out")
    assert len(noise.getvalue()) < file.stat().st_size < 2 * len(noise.getvalue())


def test_it_is_divided_into_shards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = replace(squares(tmp_path), questions=squares(tmp_path).questions[:40])
    size = sum(file.stat().st_size for file in written.images.values())
    monkeypatch.setattr("askattend.data.parquet.SHARD", size - 1)
    files = write_parquet(written, tmp_path / "out")
    assert len(files) > 20
    same(read_source(f"parquet:{tmp_path / 'out'}"), written)


def spoilt(folder: Path) -> dict[str, Callable[[], object]]:
    own = squares(folder)
    full = folder / "full"
    full.mkdir(exist_ok=True)
    (full / "mine.txt").touch()
    many = make_qaset(make_question("?", ("a", 1001), image="a"), images={"a": own.images["a"]})
    gone = make_qaset(make_question("?", ("a", 1), image="gone.png"))
    secret = folder / "secret.txt"
    secret.write_text("a token")
    none = make_qaset(make_question("?", ("a", 1), image="a"), images={"a": secret})
    half = make_qaset(make_question("\ud800", ("a", 1), image="a"), images={"a": own.images["a"]})
    return {
        "not an empty folder": lambda: write_parquet(own, full),
        "people answered": lambda: write_parquet(many, folder / "x"),
        "not there: gone.png": lambda: write_parquet(gone, folder / "x"),
        "image 'a' is none": lambda: write_parquet(none, folder / "x"),
        "half a character": lambda: write_parquet(half, folder / "x"),
    }


@pytest.mark.parametrize(
    "message",
    [
        "not an empty folder",
        "people answered",
        "not there: gone.png",
        "image 'a' is none",
        "half a character",
    ],
)
def test_what_cannot_be_written_leaves_nothing(message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=message):
        spoilt(tmp_path)[message]()
    assert not (tmp_path / "x").exists()


def test_without_pyarrow_it_is_said_how_to_install_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = squares(tmp_path)
    write_parquet(own, tmp_path / "out")
    for name in ("pyarrow", "pyarrow.parquet"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(DataError, match="pip install 'pyarrow"):
        read_source(f"parquet:{tmp_path / 'out'}")
    with pytest.raises(DataError, match="pip install 'pyarrow"):
        write_parquet(own, tmp_path / "again")
    for name in ("huggingface_hub", "transformers"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(DataError, match="need the package huggingface-hub"):
        read_source("hf:ann/birds")
