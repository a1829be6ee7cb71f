"""A table of questions about small coloured squares."""

from __future__ import annotations

import csv
from pathlib import Path

from PIL import Image

COLOURS = {"red": (220, 30, 30), "green": (30, 200, 30), "blue": (30, 30, 220)}


def write_squares(folder: Path) -> Path:
    """Write a table of questions about twelve squares, three of them to be tested on."""
    rows = []
    for number in range(12):
        colour = list(COLOURS)[number % 3]
        name = f"square {number}.png"
        Image.new("RGB", (48, 40), COLOURS[colour]).save(folder / name)
        split = "test" if number >= 9 else "train"
        rows.append((name, "What colour is it?", colour, split, "colour"))
        rows.append((name, "is it red?", "yes" if colour == "red" else "no", split, "yes/no"))
    file = folder / "squares.csv"
    with file.open("w", newline="") as table:
        writer = csv.writer(table)
        writer.writerow(("image", "question", "answer", "split", "answer_type"))
        writer.writerows(rows)
    return file
