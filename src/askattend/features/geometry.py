"""The square that a backbone takes of a picture, and the part of it that the square shows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from PIL import Image
from torch import Tensor

from askattend.features.images import REDUCING_GAP, Size, resize
from askattend.features.spec import Backbone, FeatureSpec

# The part of a picture that is used: left, top, right and bottom as shares of width and height;
# below 0 and above 1 where the picture was padded.
Crop = tuple[float, float, float, float]
WHOLE: Crop = (0.0, 0.0, 1.0, 1.0)
# The same of an object in a picture.
Box = Crop
# Where the size of the square is unknown; it matters for rounding alone.
USUAL = 448


def square(image: Image.Image, spec: FeatureSpec) -> UInt8[Tensor, "3 size size"]:
    """Make the square of pixels that a backbone takes, as `spec` says.

    ``"squash"`` is `images.resize`. ``"centre-crop"`` is what torchvision's ``Resize`` and
    ``CenterCrop`` give, to two levels in 255: the short side becomes image_size/central_fraction
    pixels, and image_size of them are cut out of the middle of both sides; bilinear. ``"pad"``
    lays the whole picture, its long side image_size pixels, in the middle of a square of the
    backbone's mean colour; bicubic.

    Args:
        image: as `open_image` gives it.
        spec: what the features are made by; its image_size is known.
    """
    if spec.geometry == "squash":
        return resize(image, spec.image_size)
    if spec.geometry == "pad":
        return _padded(image, spec)
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
    if spec.geometry == "pad":
        left, top, width, height = _place(size, spec.image_size)
        right, bottom = spec.image_size - left, spec.image_size - top
        return -left / width, -top / height, right / width, bottom / height
    side = spec.image_size or USUAL
    # int() and round() where torchvision has them, or the crop would be off by a pixel.
    short = int(side / spec.central_fraction)
    width, height = (int(short * length / min(size)) for length in size)
    left, top = round((width - side) / 2), round((height - side) / 2)
    return left / width, top / height, (left + side) / width, (top + side) / height


def shown_regions(size: Size, spec: FeatureSpec) -> Bool[Tensor, " regions"] | None:
    """Mark the regions that show something of a picture; None where all do.

    Args:
        size: width and height of the upright picture in pixels.
        spec: what the features are made by.
    """
    if spec.geometry != "pad":
        return None
    left, top, width, height = _place(size, spec.image_size)
    down = _touched(top, height, spec.rows, spec.image_size)
    return (down[:, None] & _touched(left, width, spec.columns, spec.image_size)).flatten()


def regions_of(image: Image.Image, backbone: Backbone) -> Float[Tensor, "1 regions region_dim"]:
    """Compute a picture's features as a store of the backbone's spec gives them back.

    Args:
        image: as `open_image` gives it.
        backbone: what makes the features.
    """
    shown = shown_regions(image.size, backbone.spec)
    pixels = square(image, backbone.spec)[None]
    return backbone.regions(pixels, None if shown is None else shown[None])


def boxes_in_square(boxes: Sequence[Box], crop: Crop) -> list[Box]:
    """Move boxes from shares of a picture to shares of its square, which attention maps lie over.

    What lies beyond the square is cut off; a box wholly beyond it has no area left.

    Args:
        boxes: left, top, right and bottom of each, from 0 to 1.
        crop: the part of the picture that the square shows.
    """
    left, top, right, bottom = crop
    start, length = (left, top) * 2, (right - left, bottom - top) * 2
    moved = [
        [min(max((edge - s) / n, 0.0), 1.0) for edge, s, n in zip(box, start, length, strict=True)]
        for box in boxes
    ]
    return [(box[0], box[1], box[2], box[3]) for box in moved]


def _touched(start: int, length: int, cells: int, side: int) -> Bool[Tensor, " cells"]:
    """Mark the equal parts of a side that have a pixel in common with a stretch of it."""
    edges = torch.arange(cells + 1) * (side // cells)
    return (edges[1:] > start) & (edges[:-1] < start + length)


def _padded(image: Image.Image, spec: FeatureSpec) -> UInt8[Tensor, "3 size size"]:
    left, top, width, height = _place(image.size, spec.image_size)
    grey = tuple(round(255 * channel) for channel in spec.mean)
    canvas = Image.new("RGB", (spec.image_size, spec.image_size), grey)
    bicubic = Image.Resampling.BICUBIC
    small = image.convert("RGB").resize((width, height), bicubic, reducing_gap=REDUCING_GAP)
    canvas.paste(small, (left, top))
    return torch.from_numpy(np.array(canvas)).permute(2, 0, 1).contiguous()


def _place(size: Size, side: int) -> tuple[int, int, int, int]:
    """Return left, top, width and height in pixels of a picture laid in the middle of a square."""
    width, height = (max(1, round(length * side / max(size))) for length in size)
    return (side - width) // 2, (side - height) // 2, width, height
