"""The picture of what a region has seen: its frame lies on the peak, and its caption is right."""

from __future__ import annotations

import base64
import io

import pytest
import torch
from PIL import Image

from askattend.features.backbones import load_backbone
from askattend.features.spec import Backbone
from askattend.report.field import field_tile
from askattend.report.gallery import Example
from askattend.runs.answer import Answer
from small_questions import make_question

GRID = 2


@pytest.fixture(scope="module")
def backbone() -> Backbone:
    return load_backbone(image_size=64)


def example(row: int, column: int) -> Example:
    attention = torch.full((1, GRID, GRID), 0.1)
    attention[0, row, column] = 0.7
    noise = torch.randint(0, 256, (192, 256, 3), dtype=torch.uint8).numpy()
    answer = Answer("what?", "red", 0.9, (("red", 0.9),), attention, True, ())
    return Example(make_question("what?"), Image.fromarray(noise), answer, 1.0)


@pytest.mark.parametrize(("row", "column"), [(0, 0), (1, 0), (1, 1)])
def test_the_frame_lies_on_the_peak(backbone: Backbone, row: int, column: int) -> None:
    tile = field_tile(backbone, example(row, column))
    assert tile is not None
    picture = Image.open(io.BytesIO(base64.b64decode(tile.data))).convert("L")
    assert picture.size == (tile.width, tile.height) == (256, 192)
    # The corner of the frame that lies on the picture's own.
    corner = (254 * column, 190 * row)
    assert picture.getpixel((corner[0] + 1 - column, corner[1] + 1 - row)) > 200  # type: ignore[operator]
    assert "peak for “what?” (framed)" in tile.caption[0]
    assert "100% in the 3 × 3 squares around it" in tile.caption[0]  # of 2 × 2, that is all
