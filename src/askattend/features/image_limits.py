"""Limits on what a stranger's picture may ask of this machine: decoders, memory, passes."""

from __future__ import annotations

from functools import cache

from PIL import Image

from askattend.errors import ImageError
from askattend.files.limits import IMAGE, MEBIBYTE

# Pillow knows many more, one of which starts another program (EPS), and others are hardly tested.
_FORMATS = (
    *("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "JPEG2000", "MPO", "PPM", "DIB", "ICO"),
    *("PCX", "PSD", "SGI", "TGA"),
)
# A JPEG may ask for its pixels to be refined any number of times; cameras do it about ten times.
MOST_SCANS, SCAN = 100, b"\xff\xda"
# Bytes that Pillow holds a pixel in; four in all other modes.
_STORED = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16B": 2, "I;16L": 2, "I;16N": 2}
_USUAL = 4
# Bytes a pixel that decoders need beside that: a frame of their own, or the coefficients of all.
_DECODERS = {"AVIF": 8, "JPEG2000": 16, "TIFF": 4, "WEBP": 8}
_PROGRESSIVE = 6


@cache
def usual_decoders() -> tuple[str, ...]:
    """List those of the formats whose decoders Pillow loads first: JPEG, PNG, GIF and others."""
    Image.preinit()
    return tuple(name for name in _FORMATS if name in Image.OPEN)


@cache
def decoders() -> tuple[str, ...]:
    """List the formats that are decoded, as far as this Pillow has them; slow the first time."""
    Image.init()
    return tuple(name for name in _FORMATS if name in Image.OPEN)


def allow_by_memory_alone() -> None:
    """Lift Pillow's limit of megapixels where the user has raised ours, which says enough."""
    if IMAGE.value() > IMAGE.default:
        Image.MAX_IMAGE_PIXELS = None


def require_moderate(picture: Image.Image, content: bytes, where: str) -> None:
    """Refuse a picture that would take too much memory or time, by what its header says.

    Args:
        picture: opened, but not decoded.
        content: its file.
        where: how messages call it.

    Raises:
        ImageError: it would.
    """
    # Pillow itself only warns between its limit and twice that.
    if Image.MAX_IMAGE_PIXELS and picture.width * picture.height > Image.MAX_IMAGE_PIXELS:
        raise too_many_pixels(where)
    needed = picture.width * picture.height * _bytes_a_pixel(picture) / MEBIBYTE
    if needed > IMAGE.value():
        problem = (
            f"opening its {picture.width:,} × {picture.height:,} pixels takes {needed:,.0f} MiB"
        )
        raise _bomb(problem, where)
    if picture.format in ("JPEG", "MPO") and content.count(SCAN) > MOST_SCANS:
        problem = f"refined in more than {MOST_SCANS} scans, which may be an attack"
        raise ImageError(problem, where=where, remedy="Save it anew, if you trust it.")


def too_many_pixels(where: str) -> ImageError:
    """Make the error for a picture beyond Pillow's own limit."""
    return _bomb(f"more than {(Image.MAX_IMAGE_PIXELS or 0) / 1e6:.0f} megapixels", where)


def _bomb(problem: str, where: str) -> ImageError:
    problem = f"{problem}, which may be an attack (a decompression bomb)"
    return ImageError(problem, where=where, remedy=f"Shrink it first. {IMAGE.how_to_raise()}")


def _bytes_a_pixel(picture: Image.Image) -> int:
    """Return how many bytes are needed at once for each pixel until it is 8-bit RGB."""
    stored = _STORED.get(picture.mode, _USUAL)
    decoder = _DECODERS.get(picture.format or "", 0)
    if picture.info.get("progressive"):
        decoder = _PROGRESSIVE
    # Deep greys are copied twice while their range is looked for, and become 8-bit greys first.
    copies = 2 * stored + 1 if picture.mode.startswith("I") or picture.mode == "F" else 0
    return stored + decoder + copies + _USUAL
