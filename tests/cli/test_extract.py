"""``askattend extract``: broken images are named."""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path
from typing import Any

import pytest

from askattend.features.spec import Backbone
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


def test_what_is_interrupted_is_kept_and_goes_on(
    trained: Path, tmp_path: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, batches = tmp_path / "store", iter(range(100))
    words = ["extract", str(trained), "--out", str(store), *("--image-size", "64")]
    words += ["--batch-size", "2"]
    compute = Backbone.compute_levels

    def pressing(self: Backbone, *arguments: Any) -> Any:
        if next(batches) == 3:
            raise KeyboardInterrupt
        return compute(self, *arguments)

    monkeypatch.setattr(Backbone, "compute_levels", pressing)
    status, _, err = call(*words)
    told = f"askattend: interrupted. Kept: 6 images in {store}. Go on with: askattend "
    assert (status, err.splitlines()[-1]) == (130, told + shlex.join(words))
    status, _, err = call(*words)
    assert (status, "6 images of an interrupted extraction are kept" in err) == (0, True)


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("extract nowhere --out x", "'nowhere'"),
    ],
)
def test_mistakes(mistake: Mistake, command: str, message: str) -> None:
    mistake(command, message)
