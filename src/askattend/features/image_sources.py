"""Images of folders, tar files and addresses, listed without being read."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import NoReturn

import msgspec

from askattend.errors import DataError, ImageError
from askattend.features.addresses import (
    Listed,
    files_at,
    is_address,
    matches_at,
    unreachable,
    version_at,
)
from askattend.features.image_names import KNOWN, is_hidden, is_image
from askattend.features.image_places import Place, open_stored
from askattend.features.tar import TAR_SUFFIXES, FoundImage, ReadDescription, tar_images
from askattend.files import readable

_RANGE = re.compile(r"\{([0-9]{1,18})\.\.([0-9]{1,18})\}|\{([^{}]*,[^{}]*)\}")
# More files than a range is ever meant to name.
_MOST = 10_000_000


def images_in(folder: str | Path) -> dict[str, Path]:
    """Find the images in a folder and its subfolders, hidden ones left out.

    Returns:
        path relative to the folder, with ``/`` between its parts → file; sorted by that. Bytes
        that are no UTF-8 are written as in ``caf\\xe9.png``.

    Raises:
        ImageError: it is no folder, or holds no file with an image's suffix.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise ImageError("no such folder", where=folder, remedy="Check the path.")
    found: dict[str, Path] = {}
    for file in _visible_files(folder):
        if is_image(file.name):
            # By names that can be written: of old disks and archives come some that are no UTF-8.
            name = readable(file.relative_to(folder).as_posix())
            if name in found:
                remedy = "Rename one of them."
                raise ImageError("two files have this name", where=folder / name, remedy=remedy)
            found[name] = file
    if not found:
        remedy = f"Known are: {KNOWN}"
        if any(map(is_tar, os.listdir(folder))):
            remedy = f"Name its tar files: '{folder}/*.tar'."
        raise ImageError("no image in this folder", where=folder, remedy=remedy)
    return dict(sorted(found.items()))


def _visible_files(folder: Path) -> Iterator[Path]:
    """Yield all below a folder that is no folder itself, a link that leads nowhere included."""

    def refuse(error: OSError) -> NoReturn:
        problem = f"this folder cannot be read ({error.strerror or error})"
        raise ImageError(problem, where=error.filename, remedy="Check who may.") from error

    for place, inner, names in os.walk(folder, onerror=refuse):
        inner[:] = [name for name in inner if not is_hidden(name)]
        yield from (Path(place, name) for name in names if not is_hidden(name))


def is_tar(name: str) -> bool:
    """Tell a tar file by its suffix."""
    return name.lower().endswith(TAR_SUFFIXES)


def names_images(source: str) -> bool:
    """Tell what names images by its form, or by what is there, from a source of questions."""
    if is_address(source) or is_tar(source) or os.path.isdir(os.path.expanduser(source)):
        return True
    return ":" not in source and (
        is_image(source) or glob.has_magic(source) or _RANGE.search(source) is not None
    )


def expanded_names(source: str) -> list[str]:
    """Write out ranges, choices and patterns: ``{000..009}``, ``{a,b}``, ``*``, ``?``, ``[ab]``.

    Patterns of addresses are left to those who ask there.

    >>> expanded_names("shop-{08..10}.tar")
    ['shop-08.tar', 'shop-09.tar', 'shop-10.tar']

    Raises:
        DataError: it names no file, or too many.
    """
    if os.path.exists(source):
        return [source]
    match = _RANGE.search(source)
    if match is None:
        return _matching(source)
    _require_few(source)
    first, last, choice = match.groups()
    parts = choice.split(",") if choice else _range(first, last, source)
    heads = (source[: match.start()] + part for part in parts)
    return [name for head in heads for name in expanded_names(head + source[match.end() :])]


def _matching(source: str) -> list[str]:
    if is_address(source) or not glob.has_magic(source):
        return [source]
    found = sorted(glob.glob(os.path.expanduser(source), recursive=True))
    if not found:
        raise DataError("matches no file", where=source, remedy="Check the path.")
    return found


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


def images_of(
    sources: Sequence[str], *, read: ReadDescription | None = None
) -> Iterator[FoundImage]:
    """List the images of folders, tar files and addresses, in order, as they are found.

    Args:
        sources: as they are named.
        read: reads what tar files tell of their images, if that is wanted.

    Raises:
        DataError: a source is not there, cannot be read, is cut off, or holds no image.
        ImageError: a folder holds no image.
    """
    # All are looked for first: the last one's name may be wrong.
    names = list(chain.from_iterable(map(expanded_names, sources)))
    for name in names:
        if not name.strip():  # as an unset variable leaves it; it would be the working directory
            raise DataError("a name is empty", where="--images", remedy="Name a folder or a file.")
        if not is_address(name) and not Path(name).expanduser().exists():
            raise DataError("no such file or folder", where=name, remedy="Check the path.")
    for name in names:
        yield from _images_of_source(name, read=read)


def _images_of_source(name: str, *, read: ReadDescription | None) -> Iterator[FoundImage]:
    if is_address(name):
        yield from _images_at(name, read=read)
        return
    path = Path(name).expanduser()
    if path.is_dir():
        found = images_in(path)
        yield from (FoundImage(image, Place.of(file)) for image, file in found.items())
    elif is_tar(name):
        yield from _images_of_tar(Place.of(path), read=read)
    elif is_image(name):
        yield FoundImage(readable(path.name), Place.of(path))
    else:
        remedy = f"Name a folder, {', '.join(TAR_SUFFIXES)}, an image or an address such as s3://…."
        raise DataError("is no source of images", where=name, remedy=remedy)


def _images_of_tar(place: Place, *, read: ReadDescription | None) -> Iterator[FoundImage]:
    try:
        if place.is_remote and not place.version:
            place = msgspec.structs.replace(place, version=version_at(place.name))
        opened = open_stored(place.name)
    except OSError as error:
        raise unreachable(place.name, error) from error
    none = True
    with opened:
        for found in tar_images(opened, place, read=read):
            none = False
            yield found
    if none:
        remedy = f"Check the file. Known are: {KNOWN}"
        raise DataError("no image in this tar file", where=place.name, remedy=remedy)


def _images_at(address: str, *, read: ReadDescription | None) -> Iterator[FoundImage]:
    """List the images of an address: one, a tar file, a folder, or a pattern of these."""
    if "*" in address:
        found = matches_at(address)
        if not found:
            raise DataError("matches no file", where=address, remedy="Check the address.")
    else:
        found = [Listed(address, address, is_folder=not is_tar(address))]
    for each in found:
        if each.is_folder:
            yield from _images_below(each.address)
        elif is_tar(each.name):
            place = Place(each.address, version=each.version)
            yield from _images_of_tar(place, read=read)
        elif is_image(each.name):
            yield FoundImage(each.name, _whole(each))


def _images_below(address: str) -> Iterator[FoundImage]:
    none = True
    for each in files_at(address, is_image):
        if not is_hidden(each.name):
            none = False
            yield FoundImage(each.name, _whole(each))
    if none:
        remedy = "Check the address; of a folder of tar files, write …/*.tar."
        raise DataError("no image at this address", where=address, remedy=remedy)


def _whole(listed: Listed) -> Place:
    return Place(listed.address, size=listed.size, version=listed.version)
