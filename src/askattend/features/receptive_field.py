"""The receptive field of a region: how much its features depend on each pixel."""

from __future__ import annotations

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from askattend.features.spec import Backbone, per_channel

# Random directions in which a region's features are followed back; more change little.
PROJECTIONS = 8


def receptive_field(
    backbone: Backbone,
    pixels: UInt8[Tensor, "3 size size"],
    region: int,
    *,
    projections: int = PROJECTIONS,
) -> Float[Tensor, "size size"] | None:
    """Measure the effective receptive field of a region in a picture (Luo et al. 2016).

    It is the squared gradient of the region's features by the pixels, summed over channels and over
    random projections of the features.

    Args:
        backbone: of the features; of two maps, the finer one's region is looked at.
        pixels: the picture as `geometry.square` makes it.
        region: its place in the grid, row by row.
        projections: how many.

    Returns:
        How much the region depends on each pixel, which sums to 1; None where the backbone lets no
        gradient through, or the region depends on no pixel.
    """
    spec = backbone.spec
    device = next((p.device for p in backbone.network.parameters()), torch.device("cpu"))
    mean, std = per_channel(spec.mean), per_channel(spec.std)
    normalised = ((pixels.float() / 255 - mean) / std)[None].to(device).requires_grad_()
    # Its type is that of the weights, which may be bfloat16.
    dtype = next((p.dtype for p in backbone.network.parameters()), torch.float32)
    with torch.enable_grad():
        made = backbone.network(normalised.to(dtype))
        levels = made if isinstance(made, tuple) else (made,)
        features = max(levels, key=lambda level: int(level.shape[1]))[0, region].float()
        if not features.requires_grad:
            return None
        generator = torch.Generator().manual_seed(0)
        total = torch.zeros(pixels.shape[-2:])
        for _ in range(projections):
            direction = torch.randn(features.shape, generator=generator).to(device)
            along = features @ direction
            (gradient,) = torch.autograd.grad(along, normalised, retain_graph=True)
            total += gradient[0].square().sum(dim=0).cpu()
    mass = total.sum()
    return total / mass if mass > 0 else None


def share_around(
    field: Float[Tensor, "size size"], grid: tuple[int, int], region: int, reach: int = 0
) -> float:
    """Return the share of a field that lies in a region's own square, or in those around it.

    Args:
        field: sums to 1.
        grid: rows and columns of regions.
        region: its place in the grid, row by row.
        reach: squares in each direction: 1 for the 3 × 3 around it.
    """
    (rows, columns), (height, width) = grid, field.shape
    row, column = divmod(region, columns)
    top, bottom = max(row - reach, 0), min(row + reach + 1, rows)
    left, right = max(column - reach, 0), min(column + reach + 1, columns)
    across = slice(round(left * width / columns), round(right * width / columns))
    down = slice(round(top * height / rows), round(bottom * height / rows))
    return float(field[down, across].sum())
