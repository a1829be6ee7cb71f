"""What killed processes leave unfinished goes with the next that writes, and with no other."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from commands import Call

LEFT = (".last.safetensors.0123abcd", ".tmpAb3dE9", ".words.json.ffffffff")


def leave(folder: Path) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    for name in LEFT:
        (folder / name).write_bytes(b"half")
    return [folder / name for name in LEFT]


def words_of(own: Path) -> dict[str, tuple[Sequence[object], Path]]:
    """A command that writes, and the folder that it writes to."""
    run, store = own / "runs" / "saaa", next((own / "runs").glob("*features*"), own)
    pictures = ("--images", own, "--questions", own / "asked.txt", "--workers", 0)
    (own / "asked.txt").write_text("is it red?\n")
    return {
        "train": (
            ("train", "saaa", "--preset", run / "config.toml", "--out", run, "--resume"),
            run,
        ),
        "evaluate": (("evaluate", run, "--split", "test"), run),
        "predict": (("predict", run, *pictures, "--out", own / "results"), own / "results"),
        "extract": (("extract", own, "--out", store / "more", "--image-size", 64), store / "more"),
    }


@pytest.mark.parametrize("name", ["train", "evaluate", "predict", "extract"])
def test_a_writer_sweeps(name: str, own: Path, call: Call) -> None:
    words, folder = words_of(own)[name]
    left = leave(folder)
    status, _, err = call(*words)
    assert status == 0, err
    assert not [file.name for file in left if file.exists()]


def test_a_reader_leaves_all_as_it_is(own: Path, call: Call) -> None:
    run = own / "runs" / "saaa"
    left = leave(run) + leave(own)
    for words in (
        ("ask", run, own / "square 0.png", "is it red?"),
        ("verify", run),
        ("data", f"table:{own / 'squares.csv'}"),
    ):
        status, _, err = call(*words)
        assert status == 0, err
    assert all(file.exists() for file in left)
