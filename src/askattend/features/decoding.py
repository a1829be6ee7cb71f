"""Decode images in threads, ahead of the network that will look at them."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from jaxtyping import UInt8
from PIL import ImageOps
from torch import Tensor

from askattend.errors import ImageError
from askattend.features.geometry import square
from askattend.features.greys import Range
from askattend.features.image_bytes import read_image_file
from askattend.features.image_files import status_of
from askattend.features.images import GREYS, MIRROR_IMAGE, Size, open_image
from askattend.features.spec import FeatureSpec
from askattend.files import digest


@dataclass(frozen=True)
class DecodedImage:
    """An image as pixels; a broken one has a reason in their place."""

    image: str
    file: Path
    pixels: UInt8[Tensor, "3 size size"] | None
    size: Size
    file_size: int = 0
    digest: str = ""
    status: os.stat_result | None = None
    greys: Range | None = None
    reason: str = ""


def decode_ahead(
    images: Sequence[tuple[str, Path]], *, spec: FeatureSpec, workers: int, ahead: int
) -> Generator[DecodedImage, None, None]:
    """Decode images in order, in threads, never more than `ahead` beyond what was taken.

    Args:
        images: ids and files.
        spec: how each becomes a square.
        workers: threads; with 0, an image is decoded when it is asked for.
        ahead: at least 1.
    """
    if not workers:
        yield from (decode(image, file, spec=spec) for image, file in images)
        return
    # Futures in order, not as they are done: a store's slots follow the images' order.
    waiting: deque[Future[DecodedImage]] = deque()
    pool = ThreadPoolExecutor(workers, thread_name_prefix="decode")
    try:
        for image, file in images:
            waiting.append(pool.submit(decode, image, file, spec=spec))
            # So many decoded images at most lie in memory, however slow the backbone is.
            if len(waiting) > ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        # Also where the caller stops half way: no thread outlives the extraction.
        pool.shutdown(cancel_futures=True)


def decode(image: str, file: Path, *, spec: FeatureSpec) -> DecodedImage:
    """Open and square an image, or its mirror image; one that is broken keeps the reason."""
    try:
        status = status_of(file)  # before it is read: it may change then
        content = read_image_file(file)
        opened = open_image(content, name=str(file))
        made_of = (len(content), digest(content), status, opened.info.get(GREYS))
        if image.startswith(MIRROR_IMAGE):
            opened = ImageOps.mirror(opened)
    except ImageError as error:
        return DecodedImage(image, file, None, (0, 0), reason=error.problem)
    return DecodedImage(image, file, square(opened, spec), opened.size, *made_of)
