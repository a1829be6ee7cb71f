"""A folder with all that the pages' commands name, small enough that each takes a second or two."""

from __future__ import annotations

import csv
import json
import shutil
import tarfile
from pathlib import Path

from PIL import Image

from data.readers.test_daquar import TEST, TRAIN
from data.readers.test_vqa import annotate, annotation, ask, question
from documentation.pages import ROOT

COLOURS = ("brown", "white")
# The pattern that pages write: shop-{000..009}.tar.
SHOPS = 10


def build(folder: Path, trained: Path) -> None:
    """Make the folder.

    Args:
        folder: an empty one.
        trained: with small runs, see the fixture of that name.
    """
    _pictures(folder)
    _runs(folder, trained)
    _tables(folder)
    _vqa(folder / "DIR")
    _daquar(folder / "DIR")


def _pictures(folder: Path) -> None:
    (folder / "docs").mkdir()
    for name in ("docs/drawing.png", "drawing.png", "picture.png", "photo.jpg"):
        shutil.copy(ROOT / "docs" / "drawing.png", folder / name)
    (folder / "shop").mkdir()
    for number, colour in enumerate(COLOURS, 1):
        Image.new("RGB", (64, 48), colour).save(folder / f"shelf{number}.jpg")
        Image.new("RGB", (64, 48), colour).save(folder / "shop" / f"{number}.jpg")
    shutil.copy(folder / "shelf1.jpg", folder / "a.jpg")
    for number in range(SHOPS):
        with tarfile.open(folder / f"shop-{number:03}.tar", "w") as tar:
            tar.add(folder / "a.jpg", f"{number:03}.jpg")


def _runs(folder: Path, trained: Path) -> None:
    shutil.copytree(trained / "runs", folder / "runs")
    for name in ("runs/demo", "runs/mine", "runs/shelves", "runs/shop", "RUN"):
        shutil.copytree(trained / "runs" / "saaa", folder / name)


def _tables(folder: Path) -> None:
    for name, images in (
        ("shelves.csv", ("shelf1.jpg", "shelf2.jpg")),
        ("questions.csv", ("000.jpg", "001.jpg")),  # of the tar files
    ):
        rows = [
            (image, text, str(n), split)
            for n, image in enumerate(images)
            for text, split in (("is it full?", "train"), ("how many are there?", "test"))
        ]
        with (folder / name).open("w", newline="") as table:
            csv.writer(table).writerows([("image", "question", "answer", "split"), *rows])
    (folder / "questions.txt").write_text("is it red?\n")
    pairs = [{"image": f"{number:03}.jpg", "question": "is it red?"} for number in range(10)]
    (folder / "pairs.jsonl").write_text("\n".join(map(json.dumps, pairs)))
    (folder / "token.txt").write_text("a-long-enough-token-of-nobody\n")


def _vqa(folder: Path) -> None:
    folder.mkdir()
    for split, first in (("train2014", 1), ("val2014", 101)):
        images = folder / split
        images.mkdir()
        ids = range(first, first + 12)
        ask(folder, split, *(question(n, n) for n in ids))
        annotate(
            folder, split, *(annotation(n, n, *["red" if n % 2 else "blue"] * 10) for n in ids)
        )
        for n in ids:
            picture = Image.new("RGB", (48, 48), "red" if n % 2 else "blue")
            picture.save(images / f"COCO_{split}_{n:012}.jpg")
    results = [{"question_id": n, "answer": "red"} for n in range(101, 113)]
    (folder.parent / "results.json").write_text(json.dumps(results))


def _daquar(folder: Path) -> None:
    for name, first in ((TRAIN, 1), (TEST, 13)):
        lines = []
        for n in range(first, first + 12):
            colour = "red" if n % 2 else "blue"
            lines += ["what color is the thing ?", colour, f"image{n}"]
            Image.new("RGB", (48, 48), colour).save(folder / f"image{n}.png")
        (folder / name).write_text("\n".join(lines) + "\n")
