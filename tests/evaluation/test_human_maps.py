"""Maps of where people looked, read as VQA-HAT publishes them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from askattend.errors import DataError, ImageError
from askattend.evaluation.human_maps import find_human_maps, read_human_map, require_some
from askattend.features.geometry import WHOLE
from evaluation.evaluations import question
from small_questions import make_qaset


def write(file: Path, box: tuple[int, int, int, int] | None = None) -> Path:
    """A map of a picture twice as wide as high, bright within a box."""
    file.parent.mkdir(parents=True, exist_ok=True)
    grey = Image.new("L", (28, 14))
    if box is not None:
        grey.paste(255, box)
    grey.save(file)
    return file


def test_maps_are_found_by_question_and_person(tmp_path: Path) -> None:
    names = ("vqahat_val/1020_1.png", "vqahat_val/1020_2.png", "vqahat_train/a_b_3.PNG")
    for name in (*names, "readme.png", "1020.png", "7_1.jpg"):
        write(tmp_path / name)
    found = find_human_maps(tmp_path)
    assert {key: [file.name for file in files] for key, files in found.items()} == {
        "1020": ["1020_1.png", "1020_2.png"],
        "a_b": ["a_b_3.PNG"],
    }
    require_some(found, make_qaset(question(7), question(1020)), tmp_path)
    with pytest.raises(
        DataError, match=r"none of its maps is of a question of .*, but of a_b, 1020"
    ):
        require_some(found, make_qaset(question(7)), tmp_path)


def test_a_folder_without_maps_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no map in it\. Maps are named QUESTION_PERSON\.png"):
        find_human_maps(tmp_path)
    with pytest.raises(DataError, match="no such folder"):
        find_human_maps(tmp_path / "nowhere")
    with pytest.raises(DataError, match="is a file"):
        find_human_maps(write(tmp_path / "1_1.png"))


def test_a_map_is_read_over_what_the_network_saw(tmp_path: Path) -> None:
    file = write(tmp_path / "1_1.png", box=(0, 0, 14, 14))  # the left half
    whole = read_human_map(file, WHOLE)
    assert whole.shape == (14, 14)
    assert (whole[:, :6] == 255).all()
    assert (whole[:, 8:] == 0).all()
    middle = read_human_map(file, (0.25, 0.0, 0.75, 1.0))
    assert np.array_equal(middle > 128, np.tile(np.arange(14) < 7, (14, 1)))
    padded = read_human_map(file, (0.0, -0.5, 1.0, 1.5))
    assert (padded[:3] == 0).all()
    assert (padded[5:9, :6] == 255).all()
    assert (padded[11:] == 0).all()


def test_a_damaged_map_is_named(tmp_path: Path) -> None:
    (tmp_path / "1_1.png").write_bytes(b"no picture")
    with pytest.raises(ImageError, match=r"1_1\.png"):
        read_human_map(tmp_path / "1_1.png", WHOLE)
