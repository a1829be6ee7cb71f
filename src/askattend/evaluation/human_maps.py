"""Maps of where people looked, as VQA-HAT publishes them.

A folder of grey PNG files, one a person and question: ``QUESTION_PERSON.png``, as ``vqahat_val``
has ``1020_1.png``, of the picture's shape and the brighter the longer that was looked at (Das et
al. 2016).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from jaxtyping import Float

from askattend.data.questions import QASet
from askattend.errors import DataError, name_few
from askattend.features.geometry import Crop
from askattend.features.images import open_image
from askattend.metrics.human_maps import scaled

_NAME = re.compile(r"(.+)_\d+\.png", re.IGNORECASE)
_NAMED = "Maps are named QUESTION_PERSON.png, such as 1020_1.png."
# A question's id, as a text → its people's maps.
HumanMaps = Mapping[str, tuple[Path, ...]]


def find_human_maps(folder: Path) -> HumanMaps:
    """List people's maps in a folder and those below it.

    Raises:
        DataError: there is no such folder, or no map in it.
    """
    if not folder.is_dir():
        problem = "is a file" if folder.exists() else "no such folder"
        raise DataError(problem, where=folder, remedy="Name the folder of people's maps.")
    found = defaultdict[str, list[Path]](list)
    for file in sorted(folder.rglob("*")):
        if named := _NAME.fullmatch(file.name):
            found[named[1]].append(file)
    if not found:
        raise DataError("no map in it", where=folder, remedy=_NAMED)
    return {question: tuple(files) for question, files in found.items()}


def require_some(maps: HumanMaps, questions: QASet, folder: Path) -> None:
    """Refuse maps of which none is of these questions.

    Raises:
        DataError: names a few of the questions that there are maps of.
    """
    if not any(str(question.id) in maps for question in questions):
        problem = (
            f"none of its maps is of a question of {questions.source}, but of {name_few(maps)}"
        )
        raise DataError(problem, where=folder, remedy=_NAMED)


def read_human_map(file: Path, seen: Crop) -> Float[np.ndarray, "14 14"]:
    """Read where one person looked, over the part of the picture that the network saw.

    Args:
        file: of the picture's shape.
        seen: that part; what of it lies beside the picture was looked at by nobody.

    Raises:
        ImageError: the file is damaged or no image.
    """
    grey = open_image(file).convert("L")
    left, top, right, bottom = (
        round(share * side) for share, side in zip(seen, grey.size * 2, strict=True)
    )
    return scaled(np.asarray(grey.crop((left, top, right, bottom)), dtype=np.float64))
