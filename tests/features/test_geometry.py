"""Squares cut out of the middle against resizing and cropping in two steps, as torchvision does."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torch import Tensor

from askattend.features.geometry import WHOLE, crop_of, square
from askattend.features.images import resize
from askattend.importing.preprocessing import original_spec

SPEC = original_spec(rows=2, columns=2, region_dim=3, image_size=64)


def noise(width: int, height: int) -> Image.Image:
    rng = np.random.default_rng(width * 1000 + height)
    coarse = rng.integers(0, 256, (max(height // 6, 1), max(width // 6, 1), 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)


def in_two_steps(image: Image.Image, size: int, fraction: float) -> Tensor:
    """torchvision's Resize(int(size / fraction)) and CenterCrop(size), written out."""
    short, (width, height) = int(size / fraction), image.size
    if width <= height:
        resized = image.resize((short, int(short * height / width)), Image.Resampling.BILINEAR)
    else:
        resized = image.resize((int(short * width / height), short), Image.Resampling.BILINEAR)
    left = round((resized.width - size) / 2.0)
    top = round((resized.height - size) / 2.0)
    cropped = resized.crop((left, top, left + size, top + size))
    return torch.from_numpy(np.array(cropped)).permute(2, 0, 1)


SIDES = st.integers(1, 200)


@settings(max_examples=60)
@given(SIDES, SIDES, st.sampled_from([32, 64, 77]), st.sampled_from([0.5, 0.875, 0.9, 1.0]))
def test_what_torchvision_s_two_steps_give(
    width: int, height: int, size: int, fraction: float
) -> None:
    image = noise(width, height)
    spec = replace(SPEC, image_size=size, central_fraction=fraction)
    pixels = square(image, spec)
    assert pixels.dtype == torch.uint8
    if max(width, height) > 40 * min(width, height):
        return  # the two steps round what is left of the short side differently
    difference = pixels.int() - in_two_steps(image, size, fraction).int()
    assert difference.abs().max() <= 2


@given(SIDES, SIDES, st.sampled_from([0, 32, 448]), st.floats(0.3, 1.0))
def test_what_is_seen_lies_in_the_middle(
    width: int, height: int, size: int, fraction: float
) -> None:
    spec = replace(SPEC, image_size=size, central_fraction=fraction)
    left, top, right, bottom = crop_of((width, height), spec)
    assert 0 <= left < right <= 1
    assert 0 <= top < bottom <= 1
    pixel = 1 / int((size or 448) / fraction)
    assert abs((left + right) / 2 - 0.5) <= pixel
    assert abs((top + bottom) / 2 - 0.5) <= pixel
    shares = (right - left, bottom - top)
    assert max(shares) == pytest.approx(fraction, abs=pixel)  # of the short side
    assert shares[0] * width == pytest.approx(shares[1] * height, rel=2 * pixel)  # a square


def test_a_very_long_picture_takes_no_memory() -> None:
    image = Image.new("RGB", (100_000, 1), "red")  # 6 GB, if it were resized whole
    pixels = square(image, replace(SPEC, image_size=448))
    assert pixels.flatten(1).unique(dim=1).tolist() == [[255], [0], [0]]


def test_a_squashed_picture_is_seen_whole() -> None:
    spec = replace(SPEC, geometry="squash", interpolation="bicubic", central_fraction=1.0)
    image = noise(50, 30)
    assert torch.equal(square(image, spec), resize(image, 64))
    assert crop_of(image.size, spec) == WHOLE
