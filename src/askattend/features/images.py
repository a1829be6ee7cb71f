"""Pictures of any kind as upright RGB, and as the square of pixels that a backbone takes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from jaxtyping import UInt8
from PIL import Image, ImageFile, ImageOps, UnidentifiedImageError
from torch import Tensor

from askattend.errors import ImageError
from askattend.features.greys import OVERSHOOT, eight_bit, present
from askattend.features.image_bytes import (
    not_an_image,
    read_image_file,
    require_checksums,
    require_content,
    without_remarks,
)
from askattend.features.image_limits import (
    allow_by_memory_alone,
    decoders,
    require_moderate,
    too_many_pixels,
    usual_decoders,
)

# Width and height in pixels.
Size = tuple[int, int]
Source = str | Path | bytes | Image.Image | npt.NDArray[Any]

# Pillow averages whole blocks of pixels first where a picture is more than this many times too
# large, and resamples the rest: several times faster on photos, and hardly to be told apart.
REDUCING_GAP = 3.0
# An image's mirror image is another one, with features of its own: this and the image's id is its.
MIRROR_IMAGE = "mirror image of "
# Pixels that are laid on white together.
STRIP = 2**20
# Under this key a picture says from which range its grey was scaled to 8 bits.
GREYS = "askattend.greys"


def open_image(source: Source, *, name: str | None = None) -> Image.Image:
    """Open a picture as 8-bit RGB, turned upright.

    A camera's orientation tag is obeyed, transparency lies on white, and of an animation the first
    frame is taken. Grey of more than 8 bits is scaled from the range that its values are in, see
    `greys.range_of`; ``info[GREYS]`` of the picture then holds that range.

    Args:
        source: a file, a file's bytes, a PIL image, or an array: height × width, or
            height × width × 1, 3 (RGB) or 4 (RGBA); uint8, uint16, bool, or floats in 0..1.
        name: how messages call it; by default the file's path.

    Raises:
        ImageError: it is missing, empty, truncated, damaged, too large to be safe, or no image.
    """
    where = name or (str(source) if isinstance(source, str | Path) else "image")
    _require_source(source, where)
    if isinstance(source, np.ndarray):
        return _rgb(_from_array(source, where))
    if isinstance(source, Image.Image):
        with _decoding(where):
            return _rgb(_upright(source))
    if isinstance(source, bytes):
        content = require_content(source, where)
    else:
        content = read_image_file(Path(source), where=where)
    with _decoding(where, content), _load(content, where) as picture:
        return _rgb(_upright(picture, own=True))


@contextmanager
def _decoding(where: str, content: bytes = b"") -> Iterator[None]:
    """Turn whatever a decoder raises into `ImageError`."""
    try:
        yield
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise too_many_pixels(where) from None
    except ImageError:
        raise
    except UnidentifiedImageError:  # its own message holds a memory address
        raise not_an_image(content, where) from None
    except MemoryError:
        problem, remedy = "the image does not fit in memory", "Shrink it first."
        raise ImageError(problem, where=where, remedy=remedy) from None
    except Exception as error:  # a decoder may raise anything at all on a damaged file
        problem = f"the image cannot be decoded ({str(error).rstrip('.') or type(error).__name__})"
        remedy = "Replace it with an undamaged copy, or leave it out."
        raise ImageError(problem, where=where, remedy=remedy) from error


def _load(content: bytes, where: str) -> Image.Image:
    """Decode a picture, whatever texts and profiles lie beside its pixels."""
    try:
        return _loaded(content, where)
    except (ImageError, Image.DecompressionBombError, Image.DecompressionBombWarning, MemoryError):
        raise
    except Exception:  # Pillow refuses a PNG for a long text, be its pixels whole or not
        plain = without_remarks(content)
        if len(plain) == len(content):
            raise
        return _loaded(plain, where)


def _loaded(content: bytes, where: str) -> Image.Image:
    require_checksums(content, where)
    allow_by_memory_alone()
    picture = _recognised(content)
    require_moderate(picture, content, where)
    # Pillow keeps the upper 8 bits of coloured pictures of 16.
    deep = ";16" in str(picture.tile)
    picture.load()
    if deep:
        if picture.mode == "RGB":  # the colour that is transparent is told in all 16
            picture.info.pop("transparency", None)
        picture.info[GREYS] = (0.0, 65535.0)
    return picture


def _recognised(content: bytes) -> ImageFile.ImageFile:
    """Open a picture undecoded, and with all decoders only where the usual ones do not know it."""
    try:
        return Image.open(BytesIO(content), formats=usual_decoders())
    except UnidentifiedImageError:
        return Image.open(BytesIO(content), formats=decoders())


def _require_source(source: object, where: str) -> None:
    """Refuse what no picture comes as, before a decoder says something else of it."""
    if not isinstance(source, str | Path | bytes | Image.Image | np.ndarray):
        raise ImageError(
            f"{type(source).__name__} is not an image",
            where=where,
            remedy="Give a path, a file's bytes, a PIL image or an array.",
        )


def resize(image: Image.Image, size: int) -> UInt8[Tensor, "3 size size"]:
    """Squeeze the whole image into a square, nothing cropped: bicubic, anti-aliased.

    Args:
        image: as `open_image` gives it.
        size: side of the square in pixels.
    """
    square = image.convert("RGB").resize(
        (size, size), Image.Resampling.BICUBIC, reducing_gap=REDUCING_GAP
    )
    return torch.from_numpy(np.array(square)).permute(2, 0, 1).contiguous()


def _upright(picture: Image.Image, *, own: bool = False) -> Image.Image:
    """Turn a picture upright: itself, where it is our own, else a copy."""
    picture.load()
    try:
        if not own:
            return ImageOps.exif_transpose(picture)
        ImageOps.exif_transpose(picture, in_place=True)
    except Exception:  # a camera's malformed EXIF block does not make its picture unreadable
        return picture
    return picture


def _rgb(picture: Image.Image) -> Image.Image:
    # Pillow would cut these off at 255 instead of scaling them.
    if picture.mode.startswith("I") or picture.mode == "F":
        return _from_greys(np.asarray(picture))
    return _on_white(picture) if picture.has_transparency_data else picture.convert("RGB")


def _on_white(picture: Image.Image) -> Image.Image:
    """Lay a transparent picture on white; some rows at a time, since it takes several copies."""
    laid = Image.new("RGB", picture.size)
    rows = max(STRIP // picture.width, 1)
    for top in range(0, picture.height, rows):
        part = picture.crop((0, top, picture.width, min(top + rows, picture.height)))
        if part.mode == "La":  # Pillow has no direct way from here to RGBA
            part = part.convert("LA")
        canvas = Image.new("RGBA", part.size, "white")
        canvas.alpha_composite(part.convert("RGBA"))
        laid.paste(canvas.convert("RGB"), (0, top))
    return laid


def _from_greys(values: npt.NDArray[Any]) -> Image.Image:
    if not present(values).any():
        raise ValueError("no pixel holds a number")
    greys, used = eight_bit(values)
    image = Image.fromarray(greys).convert("RGB")
    image.info[GREYS] = used
    return image


def _from_array(array: npt.NDArray[Any], where: str) -> Image.Image:
    shape = array.shape
    if not (array.size and (len(shape) == 2 or (len(shape) == 3 and shape[2] in (1, 3, 4)))):
        raise ImageError(
            f"an array of shape {shape} is not an image",
            where=where,
            remedy="Give height × width, or height × width × 1, 3 (RGB) or 4 (RGBA).",
        )
    pixels = _array_bytes(array, where)
    return Image.fromarray(np.ascontiguousarray(pixels[..., 0] if shape[2:] == (1,) else pixels))


def _array_bytes(array: npt.NDArray[Any], where: str) -> npt.NDArray[np.uint8]:
    if array.dtype == np.uint8:
        return array
    if array.dtype == np.uint16:
        return eight_bit(array)[0]
    if array.dtype == np.bool_:
        return array.astype(np.uint8) * np.uint8(255)
    problem = f"an array of {array.dtype} is not an image"
    if array.dtype.kind == "f":
        low, high = float(array.min()), float(array.max())
        # Resampling overshoots; what is no number is refused.
        if low >= -OVERSHOOT and high <= 1 + OVERSHOOT:
            return np.rint(array.clip(0, 1).astype(np.float64) * 255.0).astype(np.uint8)
        problem = f"values from {low:.9g} to {high:.9g} in an array of floats"
    raise ImageError(problem, where=where, remedy="Give uint8, uint16, or floats in 0..1.")
