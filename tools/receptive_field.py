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
from torch import Tensor

from askattend.drawing.overlay import tinted_map
from askattend.features.backbones import load_backbone
from askattend.features.spec import Backbone

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
            weight = field(backbone, photograph, row, column)
            own, near = shares(weight, grid, row, column)
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


def field(
    backbone: Backbone, photograph: Image.Image, row: int, column: int
) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """Return how much a region's features depend on each pixel; it sums to 1."""
    side = backbone.spec.image_size
    squashed = torch.from_numpy(np.array(photograph.resize((side, side)))).permute(2, 0, 1)
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in (backbone.spec.mean, backbone.spec.std))
    pixels = ((squashed / 255 - mean) / std)[None].requires_grad_()
    grid: Tensor = backbone.network(pixels)[-1]  # images × regions × channels
    region = grid[0, row * backbone.spec.columns + column]
    generator, total = torch.Generator().manual_seed(0), torch.zeros(pixels.shape[-2:])
    for _ in range(PROJECTIONS):
        direction = torch.randn(region.shape, generator=generator)
        (gradient,) = torch.autograd.grad(region @ direction, pixels, retain_graph=True)
        total += gradient[0].square().sum(dim=0)
    return (total / total.sum()).double().numpy()


def shares(
    weight: np.ndarray[tuple[int, int], np.dtype[np.float64]], grid: int, row: int, column: int
) -> tuple[float, float]:
    """Return the share of a field in the region's own square, and in the 3 × 3 around it."""
    side = weight.shape[0] // grid
    cells = weight.reshape(grid, side, grid, side).sum(axis=(1, 3))
    near = cells[max(row - 1, 0) : row + 2, max(column - 1, 0) : column + 2]
    return float(cells[row, column]), float(near.sum())


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
