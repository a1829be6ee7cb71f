"""Measure and draw what one region of the built-in backbone sees of a picture.

Usage: python tools/receptive_field.py [--out docs/receptive-field.jpg]

For the middle region of the 7 × 7, and for one in a corner, the gradient of its features by the
pixels says which pixels they depend on: the effective receptive field (Luo et al. 2016). Random
projections of the features are averaged. The photographs come with scikit-learn (CC BY 2.0). It
takes seconds.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw
from sklearn.datasets import load_sample_image  # type: ignore[import-untyped]

from askattend.drawing.overlay import tinted_map
from askattend.features.backbones import load_backbone
from askattend.features.geometry import square
from askattend.features.receptive_field import receptive_field, share_around

ROOT = Path(__file__).resolve().parents[1]
PROJECTIONS = 32
SIDE = 336  # of each picture that is drawn, pixels
GAP = 12
FINER = 4  # squares of the field a side of a region
PLACES = ((3, 3), (5, 1))  # row and column of the regions drawn
PHOTOGRAPHS = ("china.jpg", "flower.jpg")


def main() -> None:
    """Measure, draw, and print the shares."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "receptive-field.jpg")
    options = parser.parse_args()
    backbone = load_backbone()
    grid = backbone.spec.rows
    panels = []
    for name in PHOTOGRAPHS:
        photograph = Image.fromarray(load_sample_image(name))
        for row, column in PLACES:
            region = row * backbone.spec.columns + column
            pixels = square(photograph, backbone.spec)
            found = receptive_field(backbone, pixels, region, projections=PROJECTIONS)
            assert found is not None
            weight = found.double().numpy()
            own, near = (share_around(found, (grid, grid), region, reach) for reach in (0, 1))
            print(
                f"{name}, row {row + 1}, column {column + 1}: {own:.1%} of the gradient is in the"
            )
            print(f"  region's own square, {near:.1%} in the 3 × 3 around it")
            panels.append(draw(photograph, weight, grid, row, column))
    width = len(panels) * (SIDE + GAP) - GAP
    sheet = Image.new("RGB", (width, SIDE), "white")
    for number, panel in enumerate(panels):
        sheet.paste(panel, (number * (SIDE + GAP), 0))
    sheet.save(options.out, quality=80, optimize=True)
    print(f"{options.out}: {options.out.stat().st_size:,} bytes")


def draw(
    photograph: Image.Image,
    weight: np.ndarray[tuple[int, int], np.dtype[np.float64]],
    grid: int,
    row: int,
    column: int,
) -> Image.Image:
    """Tint what the region depends on, as attention is tinted, and frame its own square."""
    fine = FINER * grid
    side = weight.shape[0] // fine
    field_ = torch.from_numpy(weight.reshape(fine, side, fine, side).sum(axis=(1, 3)))
    shown = tinted_map(photograph.resize((SIDE, SIDE)), field_, (SIDE, SIDE))
    side = SIDE / grid
    box = [column * side, row * side, (column + 1) * side, (row + 1) * side]
    ImageDraw.Draw(shown).rectangle(box, outline="white", width=3)
    return shown


if __name__ == "__main__":
    main()
