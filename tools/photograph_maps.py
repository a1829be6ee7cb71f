"""Train a network on parts of two photographs, and draw where it looks in the whole ones.

Usage: python tools/photograph_maps.py [--out docs/maps.jpg] [--work FOLDER]

The photographs come with scikit-learn (china.jpg and flower.jpg, CC BY 2.0). Random parts of them
are asked about what lies in them, which the boxes below tell. It shows what maps look like; it
measures nothing, since the network has seen all of both. It takes some minutes on two cores.
"""

from __future__ import annotations

import argparse
import csv
import random
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image
from rich.console import Console
from sklearn.datasets import load_sample_image  # type: ignore[import-untyped]

from askattend import Predictor
from askattend.drawing.overlay import overlay
from askattend.experiment.config import Config
from askattend.experiment.train import train
from askattend.features.extraction import ExtractConfig
from askattend.models import SAAAConfig

ROOT = Path(__file__).resolve().parents[1]
PARTS = 150  # of each photograph
# Left, top, right and bottom of what is in them, as shares of width and height.
THINGS = {
    "china.jpg": {
        "tower": [(0.11, 0.07, 0.56, 1.0)],
        "water": [(0.53, 0.5, 0.86, 0.75)],
        "trees": [(0.0, 0.35, 0.11, 1.0), (0.86, 0.32, 1.0, 1.0), (0.52, 0.68, 0.86, 1.0)],
        "sky": [(0.0, 0.0, 0.18, 0.35), (0.18, 0.0, 1.0, 0.07), (0.5, 0.07, 1.0, 0.45)],
    },
    "flower.jpg": {"flower": [(0.27, 0.2, 0.7, 0.84), (0.45, 0.88, 0.72, 1.0)]},
}
QUESTIONS = {
    "tower": "is there a tower?",
    "water": "is there any water?",
    "trees": "are there trees?",
    "sky": "can you see the sky?",
    "flower": "is there a flower?",
}
SHOWN = {"china.jpg": ["is there a tower?"], "flower.jpg": ["is there a flower?"]}
Box = tuple[float, float, float, float]


def main() -> None:
    """Write the photographs' parts and questions, train, and draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "maps.jpg")
    parser.add_argument("--work", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        work = options.work or Path(folder)
        work.mkdir(parents=True, exist_ok=True)
        run = work / "run"
        if not run.exists():
            config = Config(
                model=SAAAConfig(),
                data=f"table:{write_table(work)}",
                recipe="auto",
                extract=ExtractConfig(image_size=352),
            )
            train(config, run, console=Console())
        draw(Predictor.load(run), options.out)
    print(f"{options.out}: {options.out.stat().st_size:,} bytes")


def write_table(folder: Path) -> Path:
    """Cut the photographs into parts, and ask each what lies in it."""
    chosen, rows = random.Random(0), []
    for name, things in THINGS.items():
        photograph = Image.fromarray(load_sample_image(name))
        for number in range(PARTS):
            size = chosen.uniform(0.3, 1.0)
            left, top = (chosen.uniform(0, 1 - size) for _ in range(2))
            part = (left, top, left + size, top + size)
            file = f"{Path(name).stem}-{number}.jpg"
            sides = np.array(part) * (2 * photograph.size)
            photograph.crop(tuple(int(side) for side in sides)).save(folder / file, quality=92)
            for thing, question in QUESTIONS.items():
                share = sum(covered(part, box) for box in things.get(thing, []))
                if share == 0 or share > 0.08:  # between, people would not agree
                    rows.append((file, question, "yes" if share else "no"))
    table = folder / "parts.csv"
    with table.open("w", newline="", encoding="utf-8") as opened:
        csv.writer(opened).writerows([("image", "question", "answer"), *rows])
    return table


def covered(part: Box, box: Box) -> float:
    """Return how much of a part is covered by a box, 0 to 1."""
    across = min(part[2], box[2]) - max(part[0], box[0])
    down = min(part[3], box[3]) - max(part[1], box[1])
    return max(across, 0) * max(down, 0) / ((part[2] - part[0]) * (part[3] - part[1]))


def draw(predictor: Predictor, out: Path) -> None:
    """Ask about the whole photographs, and put the overlays below each other."""
    sheets = []
    for name, questions in SHOWN.items():
        scene = predictor.look(Image.fromarray(load_sample_image(name)))
        answers = scene.ask_all(questions)
        sheets.append(overlay(scene.image, answers, maps_name=predictor.maps_name, seen=scene.seen))
    page = Image.new("RGB", (max(s.width for s in sheets), sum(s.height for s in sheets)), "white")
    top = 0
    for sheet in sheets:
        page.paste(sheet, (0, top))
        top += sheet.height
    page.thumbnail((1100, 4000))
    page.save(out, quality=82, optimize=True)


if __name__ == "__main__":
    main()
