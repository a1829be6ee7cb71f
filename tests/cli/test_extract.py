"""``askattend extract``: broken images are named."""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path
from typing import Any

import pytest

from askattend.features.spec import Backbone
from cli.conftest import Mistake
from commands import Call, train_command
from features.archives import in_memory, link, write_tar


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


def test_tar_files_and_addresses_are_named_in_any_way(
    trained: Path, tmp_path: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = sorted(file.name for file in trained.glob("*.png"))
    files = {name: (trained / name).read_bytes() for name in names}
    write_tar(tmp_path / "0.tar", dict(list(files.items())[:5]))
    write_tar(tmp_path / "1.tar", dict(list(files.items())[5:]))
    monkeypatch.chdir(tmp_path)
    stores = []
    ways: tuple[tuple[str, ...], ...] = (
        (str(trained),),
        ("0.tar", "1.tar"),
        ("--images", "0.tar", "1.tar"),
        ("*.tar",),
        ("memory://shop",),
    )
    with in_memory(files):
        for number, words in enumerate(ways):
            store = tmp_path / f"store {number}"
            status, out, err = call("extract", *words, "--image-size", 64, "--out", store)
            assert (status, "12 images in" in out) == (0, True), err
            stores.append({file.name: file.read_bytes() for file in store.iterdir()})
    assert all(store == stores[0] for store in stores)


def test_a_network_learns_from_a_store_of_tar_files(
    trained: Path, tmp_path: Path, call: Call
) -> None:
    """The pictures lie nowhere else; a question names them as the tar file does."""
    pictures = sorted(trained.glob("*.png"))
    tar = write_tar(tmp_path / "squares.tar", {file.name: file.read_bytes() for file in pictures})
    table = Path(shutil.copy(trained / "squares.csv", tmp_path))
    store, run = tmp_path / "store", tmp_path / "run"
    assert call("extract", tar, "--image-size", 64, "--out", store)[0] == 0
    status, _, err = call(*train_command("san", table, run), "--features", store)
    assert status == 0, err
    of_folder = trained / "runs" / "san" / "best.safetensors"
    assert (run / "best.safetensors").read_bytes() == of_folder.read_bytes()
    status, out, err = call("evaluate", run)
    assert (status, "squares.csv, test: 6 questions" in out) == (0, True), err
    table.write_text(table.read_text().replace("square 3.png", "square 33.png"))
    status, _, err = call(*train_command("san", table, tmp_path / "x"), "--features", store)
    assert (status, "no features of image 'square 33.png'" in err) == (2, True)
    # Without them, the pictures are needed.
    status, _, err = call(*train_command("san", table, tmp_path / "x"))
    assert (status, "images do not exist" in err) == (2, True)


def test_links_in_tar_files_are_named(trained: Path, tmp_path: Path, call: Call) -> None:
    picture = (trained / "square 0.png").read_bytes()
    tar = write_tar(tmp_path / "a.tar", {"a.png": picture, "l": link("l.png", "a.png")})
    status, out, err = call("extract", tar, "--image-size", 64, "--out", tmp_path / "x")
    assert (status, "1 images in" in out) == (0, True)
    assert "broken: l.png: a link to 'a.png', which is not read" in err


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("extract nowhere --out x", "'nowhere'"),
        ("extract --out x --strict", "no images named. Add a folder, a tar file"),
        ("extract gone.tar --out x", "gone.tar: no such file or folder"),
        ("extract table:a.csv b.tar --out x", "table:a.csv: no such file or folder"),
        ("extract gone-*.tar --out x", "gone-*.tar: matches no file"),
        (
            "extract memory://gone/a.tar --out x",
            "memory://gone/a.tar: cannot be read (nothing is found there",
        ),
        ("extract IMAGE IMAGE --out x", "square 2.png: there are two images of this name"),
    ],
)
def test_mistakes(mistake: Mistake, command: str, message: str) -> None:
    mistake(command, message)
