"""The images that are asked about, from all that was named, with what each is asked."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from msgspec.structs import replace

from askattend.bulk.asking import Questions, by_image, questions_in
from askattend.bulk.items import Item
from askattend.data.questions import QASet
from askattend.errors import DataError, name_few
from askattend.features.image_places import Place
from askattend.features.image_sources import images_of
from askattend.features.store import FeatureStore

_MISSING = "no image of this name"


def items_of_sources(sources: Sequence[str], questions: Questions | None) -> Iterator[Item]:
    """List the images of folders, tar files and addresses that are asked something.

    Args:
        sources: as they are named.
        questions: what is asked; None for what tar files hold themselves.

    Raises:
        DataError: see `image_sources.images_of`; or a question's image is in none of them.
    """
    found = images_of(sources, read=questions_in if questions is None else None)
    items = (Item(each.image, each.place, each.told) for each in found)
    if questions is None:
        return (item for item in items if item.asked)
    return with_questions(items, questions)


def with_questions(items: Iterable[Item], questions: Questions) -> Iterator[Item]:
    """Give images their questions, and leave out those that are asked nothing.

    Images that are asked about and are not there come last, as broken ones.

    Raises:
        DataError: once all have been seen, none that is asked about was among them.
    """
    missing = dict.fromkeys(questions.of_images)
    for item in items:
        asked = questions.of_images.get(item.image, ())
        missing.pop(item.image, None)
        if asked or questions.common:
            yield replace(item, asked=asked)
    if missing and len(missing) == len(questions.of_images):
        raise DataError(
            f"{len(missing):,} of {len(questions.of_images):,} images that are asked about are not "
            f"there: {name_few(missing)}",
            where="questions",
            remedy="Name images as they are called below --images: with the path within the "
            "folder, tar file or address.",
        )
    for image in missing:
        yield Item(image, Place(image, problem=_MISSING), questions.of_images[image])


def items_of_questions(questions: QASet, *, pictures: bool) -> Iterator[Item]:
    """List the images of a data set with their questions; a missing file is a broken image.

    Args:
        questions: the data set, or a split of it.
        pictures: True where the files must be there.

    Raises:
        DataError: all files are missing.
    """
    asked = by_image(questions)
    if asked and pictures and not any(os.path.isfile(questions.images[image]) for image in asked):
        raise DataError(
            f"{len(asked):,} of {len(asked):,} images are not there: {name_few(asked)}",
            where=questions.source,
            remedy="Put them there, or answer from stored features (--features STORE).",
        )
    for image, own in asked.items():
        yield Item(image, Place.of(questions.images[image]), own)


def items_of_store(store: FeatureStore) -> Iterator[Item]:
    """List the images of a feature store, broken ones included."""
    return (Item(image) for image in sorted((*store.ids, *store.broken)))


def require_stored(items: Iterable[Item], store: FeatureStore, path: Path) -> Iterator[Item]:
    """Pass images on whose features are stored.

    Raises:
        DataError: once all have been seen, some were not in the store.
    """
    missing: list[str] = []
    count = 0
    for item in items:
        if item.image in store or item.image in store.broken:
            yield item
        else:
            missing = [*missing[:3], item.image]
            count += 1
    if count:
        problem = f"lacks the features of {count:,} images, such as {name_few(missing)}"
        raise DataError(problem, where=path, remedy="Extract them into it first.")
