"""Rows of Python as a set of questions: paths, pictures, arrays and data frames."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from PIL import Image

import askattend
from askattend.data.questions import QASet
from askattend.data.readers.registry import read_source
from askattend.errors import AskAttendError, DataError
from askattend.experiment.rows import source_in
from askattend.features.caches import find_cached

RED = np.zeros((4, 6, 3), np.uint8)
RED[..., 0] = 200


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ASKATTEND_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def row(image: Any, question: str = "what colour?", **other: Any) -> dict[str, Any]:
    return {"image": image, "question": question, "answer": "red", **other}


def pixels(qaset: QASet) -> list[np.ndarray[Any, Any]]:
    return [np.asarray(Image.open(file)) for file in qaset.images.values()]


def test_the_same_pixels_are_one_image_however_they_are_given(tmp_path: Path) -> None:
    Image.fromarray(RED).save(tmp_path / "red.png")
    with Image.open(tmp_path / "red.png") as opened:
        content = (tmp_path / "red.png").read_bytes()
        given = [RED, content, opened, RED / 255, RED.copy(order="F")]
        qaset = askattend.QASet.from_rows([row(each, f"{n}?") for n, each in enumerate(given)])
    assert isinstance(qaset, QASet)
    assert [q.text for q in qaset] == ["0?", "1?", "2?", "3?", "4?"]
    [kept] = pixels(qaset)
    assert np.array_equal(kept, RED)


@pytest.mark.parametrize("shape", [(3, 5), (3, 5, 1), (3, 5, 3), (3, 5, 4)])
@pytest.mark.parametrize("kind", [np.uint8, np.float64, np.bool_])
def test_arrays_of_any_kind_are_kept_as_they_are_seen(shape: tuple[int, ...], kind: Any) -> None:
    drawn = np.random.default_rng(0).integers(0, 2, shape)
    array = (drawn * (255 if kind is np.uint8 else 1)).astype(kind)
    if shape[2:] == (4,):
        array[..., 3] = np.iinfo(np.uint8).max if kind is np.uint8 else 1
    [kept] = pixels(askattend.QASet.from_rows([row(array)]))
    shown = drawn[..., None] if drawn.ndim == 2 else drawn
    assert np.array_equal(kept, np.broadcast_to(shown[..., :3] * 255, (3, 5, 3)))


def test_different_pixels_of_one_size_are_two_images() -> None:
    # Of the same bytes, too: 4 × 6 and 6 × 4.
    given = [RED, 255 - RED, np.full((2, 3), 9, np.uint8), np.full((3, 2), 9, np.uint8)]
    qaset = askattend.QASet.from_rows([row(each) for each in given])
    assert [each.shape for each in pixels(qaset)] == [(4, 6, 3)] * 2 + [(2, 3, 3), (3, 2, 3)]


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame, list])
def test_frames_and_lists_of_paths_are_the_same_set(frame: Any, tmp_path: Path) -> None:
    Image.fromarray(RED).save(tmp_path / "red.png")
    rows = [row("red.png", split="train"), row("red.png", "how many?", split="test")]
    qaset = askattend.QASet.from_rows(frame(rows), images=tmp_path)
    assert qaset.splits == {"train": 1, "test": 1}
    assert [(q.image, q.answers) for q in qaset] == [("red.png", (("red", 1),))] * 2
    [file] = qaset.images.values()
    assert file.resolve() == (tmp_path / "red.png").resolve()


@pytest.mark.parametrize("heading", ["image", "Image", "picture", "Bild"])
def test_the_image_may_be_called_otherwise(heading: str, tmp_path: Path) -> None:
    Image.fromarray(RED).save(tmp_path / "red.png")
    rows = [{heading: each, "question": "a?", "answer": "b"} for each in ("red.png", 255 - RED)]
    first, second = pixels(askattend.QASet.from_rows(rows, images=tmp_path))
    assert np.array_equal(first, 255 - second)


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_frames_may_hold_pictures(frame: Any) -> None:
    pictures = [Image.fromarray(RED), Image.fromarray(255 - RED)]
    if frame is pl.DataFrame:
        columns = {"image": pl.Series(pictures, dtype=pl.Object), "question": ["a?", "b?"]}
        given = pl.DataFrame({**columns, "answer": ["c", "d"]})
    else:
        given = frame([row(each) for each in pictures])
    assert [each[0, 0].tolist() for each in pixels(askattend.QASet.from_rows(given))] == [
        [200, 0, 0],
        [55, 255, 255],
    ]


def test_the_table_lies_where_it_is_told_or_in_the_cache(tmp_path: Path, cache: Path) -> None:
    told = askattend.QASet.from_rows([row(RED)], tmp_path / "mine" / "q.jsonl")
    assert told.source == f"table:{tmp_path / 'mine' / 'q.jsonl'}"
    [file] = told.images.values()
    assert file.parent == tmp_path / "mine" / "q-images"
    # Moved together they are still found.
    (tmp_path / "mine").rename(tmp_path / "moved")
    [file] = read_source(f"table:{tmp_path / 'moved' / 'q.jsonl'}").images.values()
    assert file.is_file()
    first, again, other = (askattend.QASet.from_rows([row(each)]) for each in (RED, RED, 255 - RED))
    assert first == again
    assert first.source != other.source
    assert {Path(each.path).parent for each in find_cached()} == {cache / "rows"}
    assert {each.kind for each in find_cached()} == {"questions"}


def test_a_whole_set_is_its_source_and_a_part_is_none(tmp_path: Path) -> None:
    qaset = askattend.QASet.from_rows([row(RED, split="train"), row(RED, split="test")])
    assert source_in(qaset) == source_in(qaset.source) == qaset.source
    assert source_in(read_source(qaset.source)) == qaset.source
    assert source_in([row(RED)]) is None
    with pytest.raises(DataError, match="not all of its source"):
        source_in(qaset.split("test"))
    with pytest.raises(DataError, match="not all of its source"):
        askattend.train("saaa", qaset.split("test"), tmp_path / "run", quiet=True)


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.zeros((2, 3, 7), np.uint8), r"row 2: image: an array of shape \(2, 3, 7\)"),
        (np.zeros((0, 3), np.uint8), "row 2: image: an array of shape"),
        (np.full((2, 2), 3.5), "row 2: image"),
        (None, "image"),
        (float("nan"), "image"),
        (np.float64("nan"), "image"),
    ],
)
def test_what_is_no_picture_is_refused(image: Any, message: str) -> None:
    with pytest.raises(AskAttendError, match=message):
        askattend.QASet.from_rows([row(RED), row(image)])
