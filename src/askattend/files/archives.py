"""Zip archives of anybody's: what their parts unpack to is found out, and not believed."""

from __future__ import annotations

import copy
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

_TOGETHER = 2**20


def require_usual(archive: ZipFile) -> None:
    """Refuse parts that are packed otherwise than programs pack them.

    What is packed by bzip2 or LZMA, Python unpacks without a limit, and cuts off afterwards.

    Raises:
        BadZipFile: there is such a part.
    """
    for entry in archive.infolist():
        if entry.compress_type not in (ZIP_STORED, ZIP_DEFLATED):
            raise BadZipFile(f"{entry.filename[:100]} is packed in an unusual way")


def require_true_sizes(archive: ZipFile, most: int) -> bool:
    """Unpack each part some at a time, and hold it to the size that it says.

    A part may say that it is small: what reads it as a whole unpacks all that there is.

    Args:
        archive: opened.
        most: bytes that may come of all parts together.

    Returns:
        False where more come.

    Raises:
        BadZipFile: a part is damaged, of another size than it says, or packed in an unusual way.
    """
    require_usual(archive)
    unpacked = 0
    for entry in archive.infolist():
        size = _size(archive, entry, most)
        unpacked += max(size, entry.file_size)
        if unpacked > most:
            return False
        if size != entry.file_size:
            raise BadZipFile(f"{entry.filename[:100]} is of another size than it says")
    return True


def read_part(archive: ZipFile, name: str, most: int) -> bytes:
    """Read a part, which may have so many bytes.

    Raises:
        BadZipFile: it is larger, damaged, or packed in an unusual way.
        KeyError: there is none of the name.
    """
    require_usual(archive)
    entry = archive.getinfo(name)
    if entry.file_size > most:
        raise BadZipFile(f"{name[:100]} has more than {most:,} bytes")
    with archive.open(entry) as opened:
        # By pieces: of all at once, more is unpacked than there is said to be.
        return b"".join(iter(lambda: opened.read(_TOGETHER), b""))


def _size(archive: ZipFile, entry: ZipInfo, most: int) -> int:
    """Count the bytes that come of a part, or more than `most`."""
    endless = copy.copy(entry)
    if entry.compress_type == ZIP_DEFLATED:
        # Or it would be read no further than it says, and be held to its checksum there.
        endless.file_size = most + 2 * _TOGETHER
    size = 0
    with archive.open(endless) as opened:
        while size <= most and (read := opened.read(_TOGETHER)):
            size += len(read)
    return size
