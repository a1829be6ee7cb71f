"""Pictures of any kind as upright RGB, and as the square of pixels that a backbone takes."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from jaxtyping import UInt8
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from askattend.errors import ImageError

# Width and height in pixels.
Size = tuple[int, int]
Source = str | Path | bytes | Image.Image | npt.NDArray[Any]

# Pillow averages whole blocks of pixels first where a picture is more than this many times too
# large, and resamples the rest: several times faster on photos, and hardly to be told apart.
REDUCING_GAP = 3.0
# An image's mirror image is another one, with features of its own: this and the image's id is its.
MIRROR_IMAGE = "mirror image of "


def open_image(source: Source, *, name: str | None = None) -> Image.Image:
    """Open a picture as 8-bit RGB, turned upright.

    A camera's orientation tag is obeyed, transparency lies on white, 16-bit grey is scaled to
    8 bit, and of an animation the first frame is taken.

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
    try:
        if isinstance(source, Image.Image):
            return _rgb(_upright(source))
        with Image.open(_stream(source, where)) as picture:
            _check_size(picture, where)
            return _rgb(_upright(picture))
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise _too_large(where) from None
    except ImageError:
        raise
    except UnidentifiedImageError:  # its own message holds a memory address
        raise ImageError(
            "not an image in a format that Pillow reads",
            where=where,
            remedy="Replace it with a JPEG or PNG, or leave it out.",
        ) from None
    except Exception as error:  # a decoder may raise anything at all on a damaged file
        problem = f"the image cannot be decoded ({str(error).rstrip('.') or type(error).__name__})"
        remedy = "Replace it with an undamaged copy, or leave it out."
        raise ImageError(problem, where=where, remedy=remedy) from error


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


def _stream(source: str | Path | bytes, where: str) -> Path | BytesIO:
    """Return what Pillow reads from, once it is sure that there is something to read."""
    if isinstance(source, bytes):
        size = len(source)
    else:
        path = Path(source)
        if path.is_dir():
            raise ImageError("a folder, not an image", where=where, remedy="Name a file in it.")
        try:
            size = path.stat().st_size
        except (FileNotFoundError, NotADirectoryError):
            raise ImageError("no such file", where=where, remedy="Check the path.") from None
    if not size:
        raise ImageError("the file is empty", where=where, remedy="Copy or download it again.")
    return BytesIO(source) if isinstance(source, bytes) else path


def _check_size(picture: Image.Image, where: str) -> None:
    # Pillow itself only warns between its limit and twice that.
    if Image.MAX_IMAGE_PIXELS and picture.width * picture.height > Image.MAX_IMAGE_PIXELS:
        raise _too_large(where)


def _too_large(where: str) -> ImageError:
    megapixels = (Image.MAX_IMAGE_PIXELS or 0) / 1e6
    return ImageError(
        f"more than {megapixels:.0f} megapixels, which may be an attack (a decompression bomb)",
        where=where,
        remedy="Shrink it first, if you trust it.",
    )


def _upright(picture: Image.Image) -> Image.Image:
    picture.load()
    try:
        return ImageOps.exif_transpose(picture)
    except Exception:  # a camera's malformed EXIF block does not make its picture unreadable
        return picture


def _rgb(picture: Image.Image) -> Image.Image:
    # Pillow would cut these off at 255 instead of scaling them.
    if picture.mode.startswith("I") or picture.mode == "F":
        return Image.fromarray(_eight_bit(np.asarray(picture))).convert("RGB")
    if not picture.has_transparency_data:
        return picture.convert("RGB")
    if picture.mode == "La":  # Pillow has no direct way from here to RGBA
        picture = picture.convert("LA")
    canvas = Image.new("RGBA", picture.size, "white")
    canvas.alpha_composite(picture.convert("RGBA"))
    return canvas.convert("RGB")


def _eight_bit(values: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """Scale grey of more than 8 bit from the range that its values are in.

    16-bit files are scaled from their full range. 32-bit integers and floats carry no range, so
    the smallest of the usual ones that holds all values is taken: 0..1 (floats), 0..255,
    0..65535, and else from the least value to the greatest.
    """
    if values.dtype.itemsize == 2 and values.dtype.kind == "u":
        return _scale(values, 0.0, 65535.0)
    # A pixel that is not a number has no grey; it must not decide the range either.
    finite = np.nan_to_num(values.astype(np.float64), posinf=0.0, neginf=0.0)
    low, high = float(finite.min()), float(finite.max())
    usual = (1.0, 255.0, 65535.0) if values.dtype.kind == "f" else (255.0, 65535.0)
    fitting = [bound for bound in usual if low >= 0 and high <= bound]
    return _scale(finite, 0.0, fitting[0]) if fitting else _scale(finite, low, high)


def _scale(values: npt.NDArray[Any], low: float, high: float) -> npt.NDArray[np.uint8]:
    scaled = (values.astype(np.float64) - low) * (255.0 / ((high - low) or 1.0))
    return np.rint(scaled).astype(np.uint8)


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
        return _scale(array, 0.0, 65535.0)
    if array.dtype == np.bool_:
        return array.astype(np.uint8) * np.uint8(255)
    problem = f"an array of {array.dtype} is not an image"
    if array.dtype.kind == "f":
        if bool(((array >= 0) & (array <= 1)).all()):
            return _scale(array, 0.0, 1.0)
        problem = f"values from {array.min():g} to {array.max():g} in an array of floats"
    raise ImageError(problem, where=where, remedy="Give uint8, uint16, or floats in 0..1.")
