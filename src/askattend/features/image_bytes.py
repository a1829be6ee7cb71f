"""Bytes of image files: read, freed of what no pixel depends on, and named where they are none."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path

from askattend.errors import ImageError
from askattend.files import read_whole

_PNG = b"\x89PNG\r\n\x1a\n"
_LAST = b"IEND"
# Text, and a colour profile, which is not applied anyway. Pillow refuses large ones.
_REMARKS = frozenset((b"tEXt", b"zTXt", b"iTXt", b"iCCP"))

# How files begin that are often taken for pictures, or stored under their names.
_BEGINNINGS = (
    (b"version https://git-lfs", "a pointer of Git LFS", "Fetch the file: git lfs pull"),
    (b"<!doctype html", "a web page", "Download the image itself."),
    (b"<html", "a web page", "Download the image itself."),
    (b"<svg", "a drawing in SVG", "Save it as PNG."),
    (b"<?xml", "an XML file, maybe a drawing in SVG", "Save it as PNG."),
    (b"%!ps", "a drawing in PostScript", "Save it as PNG."),
    (b"%pdf", "a PDF", "Save its page as PNG."),
    (b"pk\x03\x04", "a ZIP archive or an Office document", "Name an image itself."),
    (b"\x1f\x8b", "a gzip file", "Unpack it."),
)
_BOXES = {
    b"heic": ("a HEIC photo", "Save it as JPEG."),
    b"heix": ("a HEIC photo", "Save it as JPEG."),
    b"mif1": ("a HEIF photo", "Save it as JPEG."),
    b"isom": ("a video", "Save a frame of it as JPEG."),
    b"mp42": ("a video", "Save a frame of it as JPEG."),
    b"qt  ": ("a video", "Save a frame of it as JPEG."),
}


def read_image_file(file: Path, *, where: str | None = None) -> bytes:
    """Read an image file.

    Args:
        file: the file.
        where: how messages call it; by default by its path.

    Raises:
        ImageError: it is missing, empty, a folder, or may not be read.
    """
    where = where or str(file)
    if file.is_dir():
        raise ImageError("a folder, not an image", where=where, remedy="Name a file in it.")
    try:
        content = read_whole(file)
    except (FileNotFoundError, NotADirectoryError):
        raise ImageError("no such file", where=where, remedy="Check the path.") from None
    except OSError as error:
        problem = f"the file cannot be read ({error.strerror or error})"
        raise ImageError(problem, where=where, remedy="Check that you may read it.") from None
    if not content:
        raise _empty(where)
    return content


def require_content(content: bytes, where: str) -> bytes:
    """Return the bytes of an image file.

    Raises:
        ImageError: there are none.
    """
    if not content:
        raise _empty(where)
    return content


def without_remarks(content: bytes) -> bytes:
    """Return a PNG without its texts and colour profile; any other file as it is.

    Whatever is damaged stays so, for the decoder to say.
    """
    if not content.startswith(_PNG):
        return content
    kept, end = [_PNG], len(_PNG)
    for start, end in _chunks(content):
        if content[start + 4 : start + 8] not in _REMARKS:
            kept.append(content[start:end])
    return b"".join((*kept, content[end:]))


def require_checksums(content: bytes, where: str) -> None:
    """Compare the parts of a PNG with their checksums; Pillow passes over those of its pixels.

    Raises:
        ImageError: one is another.
    """
    if not content.startswith(_PNG):
        return
    whole = memoryview(content)
    for start, end in _chunks(content):
        kind, expected = content[start + 4 : start + 8], int.from_bytes(content[end - 4 : end])
        if kind not in _REMARKS and zlib.crc32(whole[start + 4 : end - 4]) != expected:
            problem = f"the image cannot be decoded (broken PNG: checksum of {kind!r})"
            remedy = "Replace it with an undamaged copy, or leave it out."
            raise ImageError(problem, where=where, remedy=remedy)


def _chunks(content: bytes) -> Iterator[tuple[int, int]]:
    """Yield where each whole chunk of a PNG starts and ends, up to its last."""
    at = len(_PNG)
    while (end := at + 12 + int.from_bytes(content[at : at + 4])) <= len(content):
        yield at, end
        if content[at + 4 : at + 8] == _LAST:
            return
        at = end


def not_an_image(content: bytes, where: str) -> ImageError:
    """Make the error for bytes that no decoder takes, naming what they are as far as it shows."""
    begins = content[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    found = next(((what, do) for start, what, do in _BEGINNINGS if begins.startswith(start)), None)
    if found is None and content[4:8] == b"ftyp":
        found = _BOXES.get(content[8:12])
    problem, remedy = "not an image in a format that Pillow reads", ""
    if found is not None:
        problem, remedy = f"{found[0]}, not an image", found[1]
    remedy = remedy or "Replace it with a JPEG or PNG, or leave it out."
    return ImageError(problem, where=where, remedy=remedy)


def _empty(where: str) -> ImageError:
    return ImageError("the file is empty", where=where, remedy="Copy or download it again.")
