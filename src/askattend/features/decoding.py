"""Decode images in threads, ahead of the network that will look at them."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from functools import partial

from jaxtyping import UInt8
from PIL import ImageOps
from torch import Tensor

from askattend.errors import ImageError
from askattend.features.ahead import call_ahead
from askattend.features.geometry import square
from askattend.features.greys import Range
from askattend.features.image_places import PackedReader, Place, Status, read_image, status_of
from askattend.features.images import GREYS, MIRROR_IMAGE, Size, open_image
from askattend.features.spec import FeatureSpec
from askattend.files import digest


@dataclass(frozen=True)
class DecodedImage:
    """An image as pixels; a broken one has a reason in their place."""

    image: str
    place: Place
    pixels: UInt8[Tensor, "3 size size"] | None
    size: Size
    file_size: int = 0
    digest: str = ""
    status: Status | None = None
    greys: Range | None = None
    reason: str = ""


def decode_ahead(
    images: Sequence[tuple[str, Place]],
    packed: PackedReader,
    *,
    spec: FeatureSpec,
    workers: int,
    ahead: int,
) -> Generator[DecodedImage, None, None]:
    """Decode images in order, in threads, never more than `ahead` beyond what was taken.

    Args:
        images: ids and places.
        packed: what reads packed files, one after the other: they have no other way.
        spec: how each becomes a square.
        workers: threads; with 0, an image is decoded when it is asked for.
        ahead: at least 1.

    Raises:
        DataError: an address does not answer, or a file of many images cannot be read.
    """
    calls = (
        partial(decode, image, place, spec=spec, content=packed.read(place))
        for image, place in images
    )
    yield from call_ahead(calls, workers=workers, ahead=ahead, name="decode")


def decode(
    image: str, place: Place, *, spec: FeatureSpec, content: bytes | None = None
) -> DecodedImage:
    """Open and square an image, or its mirror image; one that is broken keeps the reason.

    Args:
        image: its id.
        place: where it lies.
        spec: how it becomes a square.
        content: its bytes, where they are read already.

    Raises:
        DataError: an address does not answer, which says nothing of the image.
    """
    try:
        status = status_of(place)  # before it is read: it may change then
        content = read_image(place, image) if content is None else content
        opened = open_image(content, name=place.called(image))
        made_of = (len(content), digest(content), status, opened.info.get(GREYS))
        if image.startswith(MIRROR_IMAGE):
            opened = ImageOps.mirror(opened)
    except ImageError as error:
        return DecodedImage(image, place, None, (0, 0), reason=error.problem)
    return DecodedImage(image, place, square(opened, spec), opened.size, *made_of)
