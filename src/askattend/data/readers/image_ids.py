"""Ids of images that tell no folder of the machine that their table was written on."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath, PureWindowsPath

# A common folder of no more parts, "/" or "/home", is nobody's folder of images.
_SHALLOW = 2


def portable_ids(files: Mapping[str, Path], folder: Path) -> dict[str, str]:
    """Give images whose ids are absolute paths ids that hold wherever the table is moved.

    An image in the table's folder gets its path within it; the others theirs within the folder
    that they have in common, or where that is none of theirs alone, as few of its last parts as
    tell them apart.

    Args:
        files: image id → where it lies.
        folder: the table's.

    Returns:
        old id → new id, for all images.
    """
    ids = {image: image for image in files if not _is_absolute(image)}
    if len(ids) == len(files):
        return ids
    taken = {image: os.path.abspath(files[image]) for image in ids}
    roots = {
        PurePosixPath(Path(way(folder)).as_posix()) for way in (os.path.abspath, os.path.realpath)
    }
    paths = {image: PurePosixPath(posixpath.normpath(image)) for image in files if image not in ids}
    wanted = {}
    for image, path in paths.items():
        within = [path.relative_to(root) for root in roots if path.is_relative_to(root)]
        if within:
            wanted[image] = within[0].as_posix()
    wanted |= _elsewhere({image: path for image, path in paths.items() if image not in wanted})
    for image, short in wanted.items():
        place = os.path.abspath(files[image])
        for free in (short, f"../{short}", image):
            if taken.setdefault(free, place) == place:
                ids[image] = free
                break
    return ids


def _elsewhere(paths: Mapping[str, PurePosixPath]) -> dict[str, str]:
    """Shorten paths that are in no common folder with the table."""
    if not paths:
        return {}
    common = _common([path.parent for path in paths.values()])
    if len(common) > _SHALLOW:
        return {
            image: PurePosixPath(*path.parts[len(common) :]).as_posix()
            for image, path in paths.items()
        }
    distinct, parts = len(set(paths.values())), 1
    while len({path.parts[-parts:] for path in paths.values()}) < distinct:
        parts += 1
    return {image: PurePosixPath(*path.parts[-parts:]).as_posix() for image, path in paths.items()}


def _common(folders: Iterable[PurePosixPath]) -> tuple[str, ...]:
    """Return the leading parts that all have."""
    least, *_, greatest = sorted([folder.parts for folder in folders] * 2)
    same = 0
    while same < len(least) and least[same] == greatest[same]:
        same += 1
    return least[:same]


def _is_absolute(image: str) -> bool:
    return PurePosixPath(image).is_absolute() or PureWindowsPath(image).is_absolute()
