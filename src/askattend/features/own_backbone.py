"""A torch module of one's own as a backbone."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from askattend.errors import FeatureError
from askattend.features.spec import OWN, Backbone, FeatureSpec, Triple, fingerprint
from askattend.features.storage import Dtype

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class Rows(nn.Module):
    """A module that yields a map of channels, its places row by row.

    Args:
        module: pixels (images × 3 × size × size) → images × channels × rows × columns.
    """

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, pixels: Tensor) -> Float[Tensor, "images regions channels"]:
        """Compute regions: r·columns + c lies in row r, column c."""
        grid: Tensor = self.module(pixels)
        return grid.flatten(2).transpose(1, 2)


def own_backbone(
    module: nn.Module,
    *,
    image_size: int,
    name: str = "",
    mean: Triple = IMAGENET_MEAN,
    std: Triple = IMAGENET_STD,
    dtype: Dtype = "float16",
) -> Backbone:
    """Make a backbone of a module; it is frozen, and in evaluation mode from then on.

    Features know it by its name and its weights: give another name to one that computes otherwise
    with the same weights.

    Args:
        module: turns normalised pixels (images × 3 × size × size, float32) into a map (images ×
            channels × rows × columns).
        image_size: side in pixels of the square that it is given.
        name: what messages and runs call it; by default its class.
        mean, std: of red, green and blue, from 0 to 1, that pixels are normalised with; by default
            ImageNet's.
        dtype: what features are stored in.

    Raises:
        FeatureError: it fails on an empty picture of that size, or yields no such map.
    """
    name = f"{OWN}{name or type(module).__name__}"
    module.eval()
    pixels = torch.zeros(2, 3, image_size, image_size)
    try:
        with torch.inference_mode():
            grid = module(pixels)
    except Exception as error:  # whatever somebody's own module raises
        problem = f"fails on pixels of 2 × 3 × {image_size} × {image_size} ({error})"
        raise FeatureError(problem, where=name, remedy="Name another image_size.") from error
    if not isinstance(grid, Tensor) or grid.ndim != 4 or len(grid) != 2:
        found = (
            " × ".join(map(str, grid.shape)) if isinstance(grid, Tensor) else type(grid).__name__
        )
        raise FeatureError(
            f"yields {found} of two pictures",
            where=name,
            remedy="Let it yield 2 × channels × rows × columns.",
        )
    spec = FeatureSpec(
        backbone=name,
        fingerprint=fingerprint(module.state_dict()),
        image_size=image_size,
        mean=mean,
        std=std,
        rows=grid.shape[2],
        columns=grid.shape[3],
        region_dim=grid.shape[1],
        dtype=dtype,
    )
    return Backbone(spec=spec, network=Rows(module))
