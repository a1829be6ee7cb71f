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

from askattend.features.geometry import (
    WHOLE,
    Crop,
    boxes_in_square,
    crop_of,
    shown_regions,
    square,
)
from askattend.features.images import resize
from askattend.features.spec import Geometry
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


PADDED = replace(SPEC, geometry="pad", interpolation="bicubic", rows=4, columns=4)
GEOMETRIES: tuple[Geometry, ...] = ("squash", "centre-crop", "pad")


@settings(max_examples=60)
@given(SIDES, SIDES)
def test_a_padded_picture_keeps_its_shape_and_regions_beside_it_show_nothing(
    width: int, height: int
) -> None:
    spec = replace(PADDED, mean=(0.0, 0.0, 1.0))
    pixels = square(Image.new("RGB", (width, height), "red"), spec)
    padding = (pixels == torch.tensor([0, 0, 255])[:, None, None]).all(dim=0)
    picture = (pixels == torch.tensor([255, 0, 0])[:, None, None]).all(dim=0)
    assert (padding ^ picture).all()
    rows, columns = picture.any(dim=1).sum().item(), picture.any(dim=0).sum().item()
    assert picture.sum() == rows * columns
    assert max(rows, columns) == 64
    assert rows == pytest.approx(height * 64 / max(width, height), abs=1)
    assert columns == pytest.approx(width * 64 / max(width, height), abs=1)
    shown = shown_regions((width, height), spec)
    cells = picture.unflatten(0, (4, 16)).unflatten(2, (4, 16)).any(dim=3).any(dim=1)
    assert shown is not None
    assert torch.equal(shown, cells.flatten())


def test_of_other_squares_every_region_shows_something() -> None:
    assert shown_regions((50, 30), SPEC) is None
    assert shown_regions((50, 30), replace(SPEC, geometry="squash")) is None


@settings(max_examples=60)
@given(
    st.sampled_from(GEOMETRIES),
    st.integers(40, 160),
    st.integers(40, 160),
    st.tuples(*(st.integers(0, 99),) * 4),
)
def test_a_box_lies_in_the_square_where_its_object_does(
    geometry: Geometry, width: int, height: int, edges: tuple[int, int, int, int]
) -> None:
    left, right = sorted((edges[0] * width // 100, edges[1] * width // 100))
    top, bottom = sorted((edges[2] * height // 100, edges[3] * height // 100))
    image = Image.new("RGB", (width, height), "black")
    image.paste("white", (left, top, right + 1, bottom + 1))
    spec = replace(PADDED, geometry=geometry, image_size=128, mean=(0.0,) * 3)
    seen = square(image, spec)[0] > 127
    box: Crop = (left / width, top / height, (right + 1) / width, (bottom + 1) / height)
    (moved,) = boxes_in_square([box], crop_of(image.size, spec))
    x0, y0, x1, y1 = (128 * edge for edge in moved)
    assert 0 <= x0 <= x1 <= 128
    assert 0 <= y0 <= y1 <= 128
    if seen.any():
        y, x = seen.any(dim=1).nonzero(), seen.any(dim=0).nonzero()
        found = (x.min(), y.min(), x.max() + 1, y.max() + 1)
        assert [int(edge) for edge in found] == pytest.approx([x0, y0, x1, y1], abs=1.5)
    else:  # thinner than a pixel of the square can show, or beyond it
        assert min(x1 - x0, y1 - y0) <= 3.5
