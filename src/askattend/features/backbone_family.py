"""The declaration that a family of backbones makes of itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from askattend.features.spec import Backbone, Strides


@dataclass(frozen=True)
class BackboneFamily:
    """A way to load the backbones of one family, and what messages say of them.

    Attributes:
        about: what they are, in a few words.
        load: called as ``load(place, image_size=…, dtype=…, precision=…)`` with what follows the
            colon of the name, ``""`` for a single backbone, and with ``strides=…`` where it is not
            ``"last"``; gives the backbone, whose
            ``spec.backbone`` is the name that it is found by. Raises FeatureError if it is not to
            be had or cannot take that size.
        image_size: side in pixels of the square that they look at if none is named.
        place: what follows the colon (``"NAME"``), or None for a single backbone.
        absolute: makes a place one from any working directory.
        bfloat16_error: how much they err in bfloat16, where that is too much.
        strides: which of their maps can be used.
    """

    about: str
    load: Callable[..., Backbone]
    image_size: int
    place: str | None = None
    absolute: Callable[[str], str] = str
    bfloat16_error: str = ""
    strides: tuple[Strides, ...] = ("last",)
