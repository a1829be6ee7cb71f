"""``askattend extract``: broken images are named."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from cli.conftest import Mistake
from commands import Call


def test_extract_goes_on_past_broken_images(trained: Path, tmp_path: Path, call: Call) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    shutil.copy(trained / "square 0.png", folder)
    (folder / "torn.jpg").write_bytes(b"\xff\xd8\xff")
    command = ("extract", folder, "--image-size", 64, "--out")
    status, out, err = call(*command, tmp_path / "store")
    assert (status, "1 images in" in out, "broken: torn.jpg" in err) == (0, True, True)
    assert call(*command, tmp_path / "strict", "--strict")[0] == 1


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("extract nowhere --out x", "'nowhere'"),
    ],
)
def test_mistakes(mistake: Mistake, command: str, message: str) -> None:
    mistake(command, message)
