"""A picture of what the most attended region of an example has seen, for the page."""

from __future__ import annotations

from PIL import Image, ImageDraw
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from askattend.drawing.overlay import fit_long_side, tinted_map
from askattend.features.geometry import Crop, square
from askattend.features.receptive_field import receptive_field, share_around
from askattend.features.spec import Backbone
from askattend.report.gallery import THUMBNAIL, Example, Tile, make_tile

FINER = 4  # squares of the field a side of a region


def field_tile(backbone: Backbone, example: Example) -> Tile | None:
    """Draw what the peak of an example's first map depends on; None where nothing tells.

    Args:
        backbone: what made the features that were attended to.
        example: of a network that attends.
    """
    attention = example.answer.attention[0]
    region, grid = int(attention.flatten().argmax()), (attention.shape[0], attention.shape[1])
    field = receptive_field(backbone, square(example.image, backbone.spec), region)
    if field is None:
        return None
    own, near = (share_around(field, grid, region, reach) for reach in (0, 1))
    photo = fit_long_side(example.image.convert("RGB"), THUMBNAIL)
    picture = _framed(_tinted(photo, field, grid, example.seen), grid, region, example.seen)
    caption = (
        "Not attention, but what one region has seen: the pixels that its features depend on, by "
        f"their gradient. It is the first map's peak for “{example.question.text}” (framed). "
        f"{own:.0%} lies in the region's own square, {near:.0%} in the 3 × 3 squares around it."
    )
    return make_tile(picture, "What the framed region depends on", caption)


def _tinted(photo: Image.Image, field: Tensor, grid: tuple[int, int], seen: Crop) -> Image.Image:
    fine = adaptive_avg_pool2d(field[None], (FINER * grid[0], FINER * grid[1]))[0]
    return tinted_map(photo, fine / fine.sum(), photo.size, seen=seen)


def _framed(picture: Image.Image, grid: tuple[int, int], region: int, seen: Crop) -> Image.Image:
    """Frame a region's own square."""
    (rows, columns), (left, top, right, bottom) = grid, seen
    row, column = divmod(region, columns)
    x = [(left + (right - left) * at / columns) * picture.width for at in (column, column + 1)]
    y = [(top + (bottom - top) * at / rows) * picture.height for at in (row, row + 1)]
    box = (x[0], y[0], x[1] - 1, y[1] - 1)
    ImageDraw.Draw(picture).rectangle(box, outline="white", width=2)
    return picture
