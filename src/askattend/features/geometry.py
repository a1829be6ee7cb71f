"""The square that a backbone takes of a picture, and the part of it that the square shows."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import UInt8
from PIL import Image
from torch import Tensor

from askattend.features.images import Size, resize
from askattend.features.spec import FeatureSpec

# The part of a picture that is used: left, top, right and bottom as shares of width and height.
Crop = tuple[float, float, float, float]
WHOLE: Crop = (0.0, 0.0, 1.0, 1.0)
# Where the size of the square is unknown; it matters for rounding alone.
USUAL = 448


def square(image: Image.Image, spec: FeatureSpec) -> UInt8[Tensor, "3 size size"]:
    """Make the square of pixels that a backbone takes, as `spec` says.

    ``"squash"`` is `images.resize`. ``"centre-crop"`` is what torchvision's ``Resize`` and
    ``CenterCrop`` give, to two levels in 255: the short side becomes image_size/central_fraction
    pixels, and image_size of them are cut out of the middle of both sides; bilinear.

    Args:
        image: as `open_image` gives it.
        spec: what the features are made by; its image_size is known.
    """
    if spec.geometry == "squash":
        return resize(image, spec.image_size)
    sides = image.size * 2
    left, top, right, bottom = (
        part * side for part, side in zip(crop_of(image.size, spec), sides, strict=True)
    )
    # Only the crop is resampled: a very long picture would not fit in memory otherwise.
    cropped = image.convert("RGB").resize(
        (spec.image_size, spec.image_size),
        Image.Resampling.BILINEAR,
        box=(left, top, min(right, image.width), min(bottom, image.height)),
    )
    return torch.from_numpy(np.array(cropped)).permute(2, 0, 1).contiguous()


def crop_of(size: Size, spec: FeatureSpec) -> Crop:
    """Return the part of a picture that its square shows: attention maps lie over this part.

    Args:
        size: width and height of the upright picture in pixels.
        spec: what the features are made by.
    """
    if spec.geometry == "squash":
        return WHOLE
    side = spec.image_size or USUAL
    # int() and round() where torchvision has them, or the crop would be off by a pixel.
    short = int(side / spec.central_fraction)
    width, height = (int(short * length / min(size)) for length in size)
    left, top = round((width - side) / 2), round((height - side) / 2)
    return left / width, top / height, (left + side) / width, (top + side) / height
