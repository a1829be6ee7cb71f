"""Ids of images name no folder of a machine, and no two images get one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from askattend.data.readers.image_ids import portable_ids

FOLDER = Path("/t/tables")
ID = st.lists(st.sampled_from(["a", "b", "t", "tables", "home", "x.png"]), min_size=1, max_size=4)
IDS = st.sets(st.tuples(st.sampled_from(["", "/", "/t/tables/"]), ID.map("/".join)).map("".join))


def ids(*images: str) -> list[str]:
    return list(portable_ids({image: FOLDER / image for image in images}, FOLDER).values())


@pytest.mark.parametrize(
    ("images", "expected"),
    [
        (["a.png", "more/a.png"], ["a.png", "more/a.png"]),
        (["/t/tables/more/a.png", "/t/tables/../tables/b.png"], ["more/a.png", "b.png"]),
        (["/home/anna/photos/1/a.png", "/home/anna/photos/2/a.png"], ["1/a.png", "2/a.png"]),
        (["/home/anna/a.png"], ["a.png"]),
        (["/home/anna/a.png", "/mnt/b.png"], ["a.png", "b.png"]),
        (["/home/anna/1/a.png", "/mnt/2/a.png"], ["1/a.png", "2/a.png"]),
        (["a.png", "/home/anna/a.png"], ["a.png", "../a.png"]),
        (["C:/Users/anna/a.png", "C:/Users/anna/1/b.png"], ["a.png", "1/b.png"]),
    ],
)
def test_absolute_paths_lose_their_folders(images: list[str], expected: list[str]) -> None:
    assert ids(*images) == expected


@given(IDS)
def test_images_that_lie_apart_keep_ids_apart(images: set[str]) -> None:
    renamed = portable_ids({image: FOLDER / image for image in images}, FOLDER)
    assert renamed.keys() == images
    files: dict[str, str] = {}
    for image, new in renamed.items():
        file = os.path.abspath(FOLDER / image)
        assert files.setdefault(new, file) == file
        assert image.startswith("/") or new == image


def test_a_folder_may_be_reached_by_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    for images in ("real", "link"):
        image = (tmp_path / images / "a.png").as_posix()
        found = portable_ids({image: Path(image)}, tmp_path / "link")
        assert found == {image: "a.png"}
