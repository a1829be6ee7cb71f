"""Make the drawing that the quick start asks about, and the picture of its answer.

Usage: python tools/demo_pictures.py [--out docs]

The drawing is drawn large and scaled down, as the drawings are that the demo's run learnt from.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from PIL import Image, ImageDraw

import askattend

ROOT = Path(__file__).resolve().parents[1]
SIDE, FINER = 64, 8
QUESTION = "what color is the shape?"


def drawing() -> Image.Image:
    """Draw a blue circle."""
    large = Image.new("RGB", (SIDE * FINER, SIDE * FINER), (242, 244, 255))
    box = [end * FINER for end in (14, 22, 44, 52)]
    ImageDraw.Draw(large).ellipse(box, fill=(0, 0, 255))
    return large.resize((SIDE, SIDE), Image.Resampling.LANCZOS)


def main() -> None:
    """Write both pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "docs")
    out = parser.parse_args().out
    drawing().save(out / "drawing.png")
    answer = askattend.Predictor.from_pretrained("demo").look(out / "drawing.png").ask(QUESTION)
    answer.overlay().save(out / "answer.png", optimize=True)


if __name__ == "__main__":
    main()
