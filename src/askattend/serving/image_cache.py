"""Images that were uploaded, kept for a bounded time and in a bounded number."""

from __future__ import annotations

import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus

from torch import Tensor

from askattend.features.spec import FeatureSpec
from askattend.models import ImageEncoding
from askattend.serving.images import Picture
from askattend.serving.problems import Refusal

# Nobody guesses an id of so many bytes.
_ID_BYTES = 16


@dataclass(eq=False)
class CachedImage:
    """An image, and what has been computed of it so far.

    Attributes:
        picture: what was decoded.
        regions: its features, by what makes them; only the worker reads and writes them.
        encodings: what each run makes of them, by its id; only the worker reads and writes them.
        expires: when it is forgotten, by the cache's clock.
    """

    picture: Picture
    regions: dict[FeatureSpec, Tensor] = field(default_factory=dict)
    encodings: dict[str, ImageEncoding] = field(default_factory=dict)
    expires: float = 0.0


class ImageCache:
    """The images that can be asked about, by their ids.

    Args:
        most: images kept at once; the one not asked about for longest goes first.
        seconds: how long each is kept.
        on_eviction: called when an image makes room for another.
        clock: the time in seconds.
    """

    def __init__(
        self,
        *,
        most: int,
        seconds: float,
        on_eviction: Callable[[], object] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._most, self._seconds = most, seconds
        self._on_eviction, self._clock = on_eviction, clock
        self._images: OrderedDict[str, CachedImage] = OrderedDict()

    def __len__(self) -> int:
        return len(self._images)

    def add(self, picture: Picture) -> tuple[str, CachedImage]:
        """Keep an image; return its id, which is random, and what is kept."""
        self.forget_expired()
        image = CachedImage(picture, expires=self._clock() + self._seconds)
        image_id = secrets.token_urlsafe(_ID_BYTES)
        self._images[image_id] = image
        while len(self._images) > self._most:
            self._images.popitem(last=False)
            self._on_eviction()
        return image_id, image

    def get(self, image_id: str) -> CachedImage:
        """Return an image.

        Raises:
            Refusal: there is none of this id, or not any more (404).
        """
        image = self._images.get(image_id)
        if image is None or image.expires <= self._clock():
            raise _unknown(image_id)
        self._images.move_to_end(image_id)
        return image

    def remove(self, image_id: str) -> None:
        """Forget an image.

        Raises:
            Refusal: there is none of this id, or not any more (404).
        """
        self.get(image_id)
        del self._images[image_id]

    def forget_expired(self) -> None:
        """Forget the images whose time is over."""
        now = self._clock()
        for image_id in [key for key, image in self._images.items() if image.expires <= now]:
            del self._images[image_id]


def _unknown(image_id: str) -> Refusal:
    return Refusal(
        HTTPStatus.NOT_FOUND,
        "no such image, or not any more",
        where=f"image {image_id}",
        remedy="Upload it again.",
    )
