"""Files of images as a host sees them: absence on one host alone must not make images broken."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from os.path import abspath

from msgspec.structs import replace

from askattend.cluster.worker import Unseen
from askattend.features.addresses import exists_at, is_address
from askattend.features.image_places import Place


def absolute_place(place: Place) -> Place:
    """Return a place that is found from any working directory."""
    return place if place.is_remote else replace(place, path=Place.of(abspath(place.name)).path)


def archive_sizes(places: Iterable[Place | None]) -> dict[str, int]:
    """Return the bytes of each archive that is read where its members lie."""
    held = {p.name for p in places if p is not None and p.start is not None and not p.is_remote}
    return {file: os.stat(file).st_size for file in held if os.path.exists(file)}


def first_unseen(places: Iterable[Place | None], sizes: Mapping[str, int]) -> Unseen | None:
    """Return the first file that is not there, or has another size; None where all are.

    Of addresses the first alone is looked for: each costs a call to its store.

    Args:
        places: those of images; None where one lies nowhere.
        sizes: file → its bytes, where that is known.

    Raises:
        DataError: an address does not answer.
    """
    names = list(dict.fromkeys(place.name for place in places if place is not None))
    for address in [name for name in names if is_address(name)][:1]:
        if not exists_at(address):
            return Unseen(address)
    for file in [name for name in names if not is_address(name)]:
        try:
            size = os.stat(file).st_size
        except OSError:
            return Unseen(file)
        if size != sizes.get(file, size):
            return Unseen(file, size)
    return None


def is_seen(place: str) -> bool:
    """Tell if a file, or what an address names, is there."""
    return exists_at(place) if is_address(place) else os.path.exists(place)
