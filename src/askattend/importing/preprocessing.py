"""The preparation of images in pytorch-vqa: what its features are, as far as anybody knows."""

from __future__ import annotations

from askattend.features.spec import UNKNOWN, FeatureSpec
from askattend.features.storage import Dtype

# The project's own settings, and torchvision's way to resize.
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
CENTRAL_FRACTION = 0.875


def original_spec(
    *,
    rows: int,
    columns: int,
    region_dim: int,
    backbone: str | None = None,
    image_size: int | None = None,
    central_fraction: float = CENTRAL_FRACTION,
    dtype: Dtype = "float16",
) -> FeatureSpec:
    """Describe features of pytorch-vqa; which weights made them is not recorded with them.

    Args:
        rows: rows of the grid.
        columns: columns of the grid.
        region_dim: numbers that describe one region.
        backbone: its name here, if known.
        image_size: side in pixels of the square cut out of each image, if known.
        central_fraction: that side as a share of the image's short one.
        dtype: what the features are stored in.
    """
    return FeatureSpec(
        backbone=backbone or UNKNOWN,
        fingerprint=UNKNOWN,
        image_size=image_size or 0,
        mean=MEAN,
        std=STD,
        rows=rows,
        columns=columns,
        region_dim=region_dim,
        dtype=dtype,
        geometry="centre-crop",
        interpolation="bilinear",
        central_fraction=central_fraction,
    )
