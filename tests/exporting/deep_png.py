"""PNG files of 16 bits that Pillow does not write: interlaced, by every filter, of any channels."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.uint16]
_COLOURS = {1: 0, 2: 4, 3: 2, 4: 6}
# First column and row, and steps across and down, of each pass (PNG 1.2, section 8.2).
_ADAM7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2)]
_ADAM7.append((0, 1, 1, 2))


def deep_png(values: Values, *, interlaced: bool, transparent: bytes = b"") -> bytes:
    """Write greys or colours of 16 bits, height × width × channels.

    Args:
        values: 1 to 4 channels: grey, grey and alpha, RGB, RGBA.
        interlaced: by Adam7.
        transparent: content of a tRNS chunk; empty for none.
    """
    height, width, channels = values.shape
    passes = _ADAM7 if interlaced else [(0, 0, 1, 1)]
    lines = b"".join(
        line
        for left, top, across, down in passes
        if left < width and top < height
        for line in _filtered(values[top::down, left::across])
    )
    header = struct.pack(">IIBBBBB", width, height, 16, _COLOURS[channels], 0, 0, int(interlaced))
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(lines)), (b"IEND", b"")]
    if transparent:
        chunks.insert(1, (b"tRNS", transparent))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*chunk) for chunk in chunks)


def _chunk(kind: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)


def _filtered(values: Values) -> Iterator[bytes]:
    """Yield the rows of a pass, each by the next of the five filters."""
    back = 2 * values.shape[2]
    rows = values.astype(">u2").reshape(len(values), -1).view(np.uint8).astype(int)
    for number, row in enumerate(rows):
        up = rows[number - 1] if number else np.zeros_like(row)
        left, corner = (np.concatenate([np.zeros(back, int), each[:-back]]) for each in (row, up))
        kind = number % 5
        guess = [0 * row, left, up, (left + up) // 2, _paeth(left, up, corner)][kind]
        yield bytes([kind]) + (row - guess).astype(np.uint8).tobytes()


def _paeth(left: Any, up: Any, corner: Any) -> Any:
    guess = left + up - corner
    near = [np.abs(guess - each) for each in (left, up, corner)]
    above = np.where(near[1] <= near[2], up, corner)
    return np.where((near[0] <= near[1]) & (near[0] <= near[2]), left, above)
