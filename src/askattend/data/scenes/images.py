"""The pictures of a recipe as PNG files in a cache folder."""

from __future__ import annotations

import os
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

from PIL import Image

from askattend.data.scenes.rasterise import draw
from askattend.data.scenes.recipe import Recipe
from askattend.data.scenes.scene import GeneratedScene
from askattend.environment.home import CACHE, cache_folder
from askattend.environment.verbosity import print_details
from askattend.errors import DataError
from askattend.files import make_folder, sweep, write_whole

_NAME_ONE = f"Name a folder that can be written to in the environment variable {CACHE}."
# Names the folder of pictures: to be raised when the same scene is drawn or composed otherwise.
_VERSION = 1


def image_folder(recipe: Recipe) -> Path:
    """Return the folder of a recipe's pictures.

    It lies in the folder that ``ASKATTEND_CACHE`` names, or else in the user's cache folder.

    Raises:
        DataError: the user has no home folder.
    """
    try:
        cache = cache_folder()
    except RuntimeError:
        raise DataError("there is no home folder for the pictures", remedy=_NAME_ONE) from None
    return cache / "scenes" / f"{recipe.label}-v{_VERSION}"


def write_images(scenes: Sequence[GeneratedScene], size: int, folder: Path) -> list[Path]:
    """Draw the scenes that a folder lacks into it; return the file of each scene.

    Several processes may do so at once: each file appears whole, and with the same pixels.

    Raises:
        DataError: the folder cannot be written to.
    """
    files = [folder / f"{index}.png" for index in range(len(scenes))]
    try:
        make_folder(folder)
        # One look at the folder, as it may hold many thousand pictures.
        there = {entry.name for entry in os.scandir(folder)}
        lacking = [each for each in zip(scenes, files, strict=True) if each[1].name not in there]
        if lacking:
            sweep(folder)
        for scene, file in lacking:
            write_whole(file, _png(scene, size), durable=False)
        print_details(f"drawings in {folder}: {len(files) - len(lacking):,} were there")
    except OSError as error:
        raise DataError(
            f"the pictures cannot be written ({error.strerror or error})",
            where=error.filename or folder,
            remedy=_NAME_ONE,
        ) from error
    return files


def _png(scene: GeneratedScene, size: int) -> bytes:
    content = BytesIO()
    # Compressed as little as PNG can: drawing is quick, and zlib is not.
    Image.fromarray(draw(scene, size)).save(content, format="PNG", compress_level=1)
    return content.getvalue()
