"""The pictures on the disk."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from askattend.data.questions import QASet
from askattend.data.readers.scenes import read_scenes
from askattend.data.scenes.rasterise import draw
from askattend.data.scenes.scene import (
    GeneratedScene,
)
from askattend.errors import DataError


def test_files_hold_the_pixels(qaset: QASet, scenes: dict[str, GeneratedScene]) -> None:
    for image in list(qaset.images)[:20]:
        with Image.open(qaset.images[image]) as picture:
            np.testing.assert_array_equal(np.asarray(picture), draw(scenes[image], 48))


def test_what_is_lacking_is_drawn_and_the_rest_left() -> None:
    images = read_scenes("images=9,size=40").images
    gone, kept = images["0/4"], images["0/5"]
    content, written = gone.read_bytes(), kept.stat().st_mtime_ns
    gone.unlink()
    assert read_scenes("images=9,size=40").images == images
    assert gone.read_bytes() == content
    assert kept.stat().st_mtime_ns == written
    assert not [file for file in gone.parent.iterdir() if file.suffix != ".png"]


def test_a_folder_that_cannot_be_written_to_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("ASKATTEND_CACHE", str(tmp_path / "file"))
    with pytest.raises(DataError, match=r"file/scenes/.*cannot be written .*ASKATTEND_CACHE"):
        read_scenes("images=1")


def test_without_a_home_the_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless(path: Path) -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("ASKATTEND_CACHE")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "expanduser", homeless)
    with pytest.raises(DataError, match=r"no home folder .*ASKATTEND_CACHE"):
        read_scenes("images=1")


def test_without_the_variable_the_users_cache_folder_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ASKATTEND_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert read_scenes("images=1").images["0/0"].is_relative_to(tmp_path / "xdg" / "askattend")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    expected = tmp_path / ".cache" / "askattend" / "scenes"
    assert read_scenes("images=1").images["0/0"].is_relative_to(expected)
