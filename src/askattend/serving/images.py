"""Images from clients: refused by their header, or decoded into what backbones take."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable
from dataclasses import dataclass
from http import HTTPStatus
from io import BytesIO

from jaxtyping import Bool, UInt8
from PIL import Image
from torch import Tensor

from askattend.drawing.overlay import PANEL, fit_long_side
from askattend.errors import ImageError
from askattend.features.geometry import shown_regions, square
from askattend.features.images import Size, open_image
from askattend.features.spec import FeatureSpec
from askattend.serving.problems import Refusal, refusal_of

# Pillow knows many more, some of which start other programs or are hardly ever tested.
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP")
MEDIA_TYPES = ("image/png", "image/jpeg", "image/webp", "image/gif", "image/bmp")
ANY_BYTES = "application/octet-stream"
# Grey of more than 8 bit is scaled in numbers of 8 bytes, several at a time.
DEEP_SHARE = 4
WHERE = "image"


@dataclass(frozen=True)
class Picture:
    """An image as the service needs it; its file and its full pixels are forgotten.

    Attributes:
        size: width and height in pixels, upright.
        thumbnail: for maps to be laid over.
        squares: what each backbone takes of it.
    """

    size: Size
    thumbnail: Image.Image
    squares: dict[FeatureSpec, Square]


@dataclass(frozen=True)
class Square:
    """Pixels that a backbone takes, and the regions that show something; None where all do."""

    pixels: UInt8[Tensor, "3 size size"]
    shown: Bool[Tensor, " regions"] | None


def read_picture(content: bytes, specs: Iterable[FeatureSpec], *, max_pixels: int) -> Picture:
    """Decode an image, once its header says that it may be.

    Raises:
        Refusal: it is no image of the five formats (415), has too many pixels (413), or is
            damaged (422).
    """
    with _opened(content) as opened:
        _check_pixels(opened, max_pixels)
        try:
            image = open_image(content, name=WHERE)
        except ImageError as error:
            raise refusal_of(error, HTTPStatus.UNPROCESSABLE_ENTITY, where=WHERE) from None
    return make_picture(image, specs)


def make_picture(image: Image.Image, specs: Iterable[FeatureSpec]) -> Picture:
    """Keep of an upright RGB image what the service needs."""
    squares = {spec: Square(square(image, spec), shown_regions(image.size, spec)) for spec in specs}
    return Picture(image.size, fit_long_side(image, PANEL), squares)


def decode_base64(text: str) -> bytes:
    """Return the bytes that base64 stands for.

    Raises:
        Refusal: it is not base64 (422).
    """
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Refusal(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "not base64",
            where=WHERE,
            remedy="Encode the image's file in base64, without a data: prefix or line breaks.",
        ) from None


def _opened(content: bytes) -> Image.Image:
    """Read an image's header.

    Raises:
        Refusal: it is not of one of the five formats (415).
    """
    if not content:
        raise _damaged("the image is empty")
    try:
        return Image.open(BytesIO(content), formats=FORMATS)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise _too_large("more pixels than are safe") from None
    except Exception:  # a header may be damaged in any way
        raise Refusal(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            f"not an image in one of the formats {', '.join(FORMATS)}",
            where=WHERE,
            remedy="Send one of these.",
        ) from None


def _check_pixels(opened: Image.Image, max_pixels: int) -> None:
    deep = opened.mode.startswith("I") or opened.mode == "F"
    allowed = max_pixels // DEEP_SHARE if deep else max_pixels
    if opened.width * opened.height > allowed:
        problem = f"{opened.width} × {opened.height} pixels, more than {allowed:,}"
        raise _too_large(f"{problem} of more than 8 bit" if deep else problem)


def _too_large(problem: str) -> Refusal:
    return Refusal(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE, problem, where=WHERE, remedy="Shrink the image first."
    )


def _damaged(problem: str) -> Refusal:
    return Refusal(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        problem,
        where=WHERE,
        remedy="Replace it with an undamaged copy.",
    )
