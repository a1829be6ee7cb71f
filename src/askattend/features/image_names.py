"""Names of images among other files."""

from __future__ import annotations

import os

KNOWN = ".avif .bmp .gif .jfif .jp2 .jpe .jpeg .jpg .pbm .pgm .png .pnm .ppm .tif .tiff .webp"
SUFFIXES = frozenset(KNOWN.split())


def is_image(name: str) -> bool:
    """Tell an image's file by its suffix."""
    return os.path.splitext(name)[1].lower() in SUFFIXES


def is_hidden(name: str) -> bool:
    """Tell a hidden file, or one in a hidden folder.

    macOS puts hidden copies ("._a.jpg") beside images, and tools their caches.
    """
    return any(part.startswith(".") and part.strip(".") for part in name.split("/"))
