"""Files of images as a host sees them: absence on one host alone must not make images broken."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

import fsspec

from askattend.bulk.items import Item, read_place, written_place
from askattend.bulk.sources import is_address, unreachable
from askattend.cluster.worker import Unseen


def absolute_item(item: Item) -> Item:
    """Return an item whose file is found from any working directory."""
    place = read_place(item.place)
    if not place or is_address(place):
        return item
    absolute = written_place(os.path.abspath(place))
    return Item(item.image, absolute, item.start, item.size, item.packed, item.asked)


def archive_sizes(items: Sequence[Item]) -> dict[str, int]:
    """Return the bytes of each archive that is read where its members lie."""
    places = {read_place(item.place) for item in items if item.start is not None}
    files = [place for place in places if not is_address(place) and os.path.exists(place)]
    return {place: os.stat(place).st_size for place in files}


def first_unseen(items: Sequence[Item], sizes: Mapping[str, int]) -> Unseen | None:
    """Return the first file that is not there, or has another size; None where all are.

    Of addresses the first alone is looked for: each costs a call to its store.

    Args:
        items: the images.
        sizes: file → its bytes, where that is known.

    Raises:
        DataError: an address does not answer.
    """
    places = dict.fromkeys(read_place(item.place) for item in items if item.place)
    addresses = [place for place in places if is_address(place)]
    for place in addresses[:1]:
        if not _is_at(place):
            return Unseen(place)
    for place in places:
        if is_address(place):
            continue
        try:
            size = os.stat(place).st_size
        except OSError:
            return Unseen(place)
        if size != sizes.get(place, size):
            return Unseen(place, size)
    return None


def is_seen(place: str) -> bool:
    """Tell if a file, or what an address names, is there."""
    return _is_at(place) if is_address(place) else os.path.exists(place)


def _is_at(address: str) -> bool:
    try:
        system, path = fsspec.core.url_to_fs(address)
        return bool(system.exists(path))
    except Exception as error:  # each file system has errors of its own
        raise unreachable(address, error) from error
