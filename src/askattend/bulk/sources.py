"""Where images come from: folders, tar files and object stores, listed without being read."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import fsspec

from askattend.bulk.items import Item, read_place, written_place
from askattend.bulk.tar import TAR_SUFFIXES, tar_items
from askattend.errors import DataError
from askattend.features.extraction import SUFFIXES, images_in
from askattend.files import open_plain

_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]+(::[a-z].*)?://", re.IGNORECASE)
_RANGE = re.compile(r"\{([0-9]{1,18})\.\.([0-9]{1,18})\}|\{([^{}]*,[^{}]*)\}")
# More files than a range is ever meant to name.
_MOST = 10_000_000


def is_address(place: str) -> bool:
    """Tell an address of fsspec's, such as ``s3://bucket/images``, from a path."""
    return _ADDRESS.match(place) is not None


def expanded_names(source: str) -> list[str]:
    """Write out ranges and choices as WebDataset has them: ``{000..009}``, ``{a,b}``.

    >>> expanded_names("shop-{08..10}.tar")
    ['shop-08.tar', 'shop-09.tar', 'shop-10.tar']
    """
    match = _RANGE.search(source)
    if match is None or os.path.exists(source):
        return [source]
    _require_few(source)
    first, last, choice = match.groups()
    parts = choice.split(",") if choice else _range(first, last, source)
    heads = (source[: match.start()] + part for part in parts)
    return [name for head in heads for name in expanded_names(head + source[match.end() :])]


def _require_few(source: str) -> None:
    """Refuse ranges that together name more files than there are, before they are written out."""
    count = 1
    for first, last, choice in _RANGE.findall(source):
        count *= choice.count(",") + 1 if choice else max(int(last) - int(first) + 1, 1)
        if count > _MOST:
            remedy = "Name fewer at once."
            raise DataError(f"names more than {_MOST:,} files", where=source[:80], remedy=remedy)


def _range(first: str, last: str, source: str) -> list[str]:
    low, high = int(first), int(last)
    if not 0 <= high - low < _MOST:
        problem = f"names no files: {{{first}..{last}}}"
        raise DataError(problem, where=source, remedy="Write the lower number first: {000..009}.")
    return [str(number).zfill(len(first)) for number in range(low, high + 1)]


def images_of(sources: Sequence[str], *, own_questions: bool = False) -> Iterator[Item]:
    """List the images of folders, tar files and addresses, in order, as they are found.

    Args:
        sources: as they are named.
        own_questions: True to read the questions that tar files hold beside their images.

    Raises:
        DataError: a source is not there, cannot be read, is cut off, or holds no image.
    """
    # All are looked for first: the last one's name may be wrong.
    names = list(chain.from_iterable(map(expanded_names, sources)))
    for name in names:
        if (
            not name.strip()
        ):  # as an unset variable leaves it; as a path it is the working directory
            raise DataError("a name is empty", where="--images", remedy="Name a folder or a file.")
        if not is_address(name) and not Path(name).expanduser().exists():
            raise DataError("no such file or folder", where=name, remedy="Check the path.")
    for name in names:
        yield from _source_items(name, own_questions=own_questions)


def _source_items(name: str, *, own_questions: bool) -> Iterator[Item]:
    path = Path(name).expanduser()
    if name.lower().endswith(TAR_SUFFIXES):
        place = name if is_address(name) else str(path)
        with _open(place) as opened:
            yield from tar_items(opened, place, own_questions=own_questions)
    elif is_address(name):
        yield from _address_items(name)
    elif path.is_dir():
        found = images_in(path)
        yield from (Item(image, written_place(str(file))) for image, file in found.items())
    elif path.suffix.lower() in SUFFIXES:
        yield Item(path.name, written_place(str(path)))
    else:
        remedy = f"Name a folder, {', '.join(TAR_SUFFIXES)}, an image or an address such as s3://…."
        raise DataError("is no source of images", where=name, remedy=remedy)


def _open(place: str) -> Any:
    try:
        if not is_address(place):
            return open_plain(place)
        return fsspec.open(place, "rb").open()
    except Exception as error:  # each file system has errors of its own
        raise unreachable(place, error) from error


def _address_items(address: str) -> Iterator[Item]:
    try:
        system, root = fsspec.core.url_to_fs(address)
        found: Iterable[str] = [root] if system.isfile(root) else sorted(system.find(root))
    except Exception as error:
        raise unreachable(address, error) from error
    top = root.rstrip("/")
    images = [file for file in found if os.path.splitext(file)[1].lower() in SUFFIXES]
    if not images:
        raise DataError("no image at this address", where=address, remedy="Check the address.")
    for file in images:
        image = file[len(top) :].lstrip("/") or file.rpartition("/")[2]
        yield Item(image, system.unstrip_protocol(file))


def unreachable(place: str, error: Exception) -> DataError:
    """Make the error for an address, or a file, that cannot be read now."""
    place = read_place(place)
    said = getattr(error, "strerror", None) or str(error) or type(error).__name__
    if said == place:  # which is all that some file systems say
        said = "nothing is found there"
    remedy = "Check the path and the disk; then run it again."
    if is_address(place):
        remedy = "Check the address, the network and your credentials; then run it again."
    return DataError(
        f"cannot be read ({said.splitlines()[0].rstrip('.')})", where=place, remedy=remedy
    )
