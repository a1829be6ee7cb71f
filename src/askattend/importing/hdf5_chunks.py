"""Chunks of an HDF5 data set, held to their size before the library unpacks them.

The library unpacks whatever a chunk's deflate stream holds, however small the chunk is declared.
"""

from __future__ import annotations

import math
import zlib
from pathlib import Path
from typing import Any

from askattend.errors import FeatureError
from askattend.files import limits

# Filters by their numbers: deflate; those that change no length, or add a checksum; h5py's own.
_DEFLATE, _SHUFFLE, _CHECKSUM, _LZF = 1, 2, 3, 32000
_CHECKSUM_BYTES = 4
# By lzf a byte becomes 88 at most, and a chunk is unpacked in several tries.
_LZF_CHUNK = 4 * limits.MEBIBYTE


def require_honest_chunks(dataset: Any, key: str, file: Path) -> None:
    """Refuse a data set whose chunks unpack to more than they are declared.

    Args:
        dataset: h5py's.
        key: its name, for messages.
        file: where it is.

    Raises:
        FeatureError: one does, or is packed in a way of which that is not known.
    """
    if dataset.chunks is None:
        return
    filters = _filters(dataset)
    if not filters:
        return
    usual = {_DEFLATE, _SHUFFLE, _CHECKSUM, _LZF}
    if set(filters) - usual or len(set(filters)) < len(filters):
        problem = f"'{key}' is packed in a way that is not read"
        remedy = "Write it with gzip, lzf or nothing."
        raise FeatureError(problem, where=file, remedy=remedy)
    size = math.prod(dataset.chunks) * dataset.dtype.itemsize + _CHECKSUM_BYTES
    for number in range(dataset.id.get_num_chunks()):
        info = dataset.id.get_chunk_info(number)
        if not _fits(dataset, info, filters, size):
            problem = f"a chunk of '{key}' unpacks to more than it is declared to hold"
            remedy = "Write it again, if you trust it."
            raise FeatureError(f"{problem}, which may be an attack", where=file, remedy=remedy)


def _filters(dataset: Any) -> list[int]:
    made = dataset.id.get_create_plist()
    return [made.get_filter(number)[0] for number in range(made.get_nfilters())]


def _fits(dataset: Any, info: Any, filters: list[int], size: int) -> bool:
    """Tell if a chunk unpacks to its size, or less."""
    # What cannot be packed grows by a thousandth.
    if info.size > size + size // 100 + 1024:
        return False
    if _LZF in filters:
        return size <= _LZF_CHUNK
    if _DEFLATE not in filters or info.filter_mask & 1 << filters.index(_DEFLATE):
        return True
    _, packed = dataset.id.read_direct_chunk(info.chunk_offset)
    try:
        return len(zlib.decompressobj().decompress(packed, size + 1)) <= size
    except zlib.error:
        return True  # the library tells what is wrong with it
