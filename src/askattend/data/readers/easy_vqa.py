"""Reader of easy-VQA: questions about one coloured shape, which arrive with pip."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from askattend.data.questions import QASet, Question
from askattend.data.readers.reader import Reader
from askattend.errors import DataError
from askattend.installation import pip_install

_SHAPES = frozenset({"circle", "rectangle", "triangle"})


def read_easy_vqa() -> QASet:
    """Read easy-VQA (Zhou 2019): 48,248 questions, 5,000 images of 64×64 pixels, 13 answers.

    Question ids are positions in the set, from 0. Image ids are ``"train/0"``, ``"test/0"``:
    the package numbers the images of each split from 0. `answer_type` is ``"yes/no"``,
    ``"shape"`` or ``"color"``.

    Raises:
        DataError: the package is not installed.
    """
    package = _package()
    images = {**_images(package, "train"), **_images(package, "test")}
    rows = [*_rows(package, "train"), *_rows(package, "test")]
    questions = tuple(
        Question(number, image, text, ((answer, 1),), split, answer_type=_answer_type(answer))
        for number, (split, image, text, answer) in enumerate(rows)
    )
    return QASet("easy-vqa", questions, images)


def _package() -> ModuleType:
    try:
        import easy_vqa
    except ImportError as error:
        raise DataError(
            "the data set is not installed",
            where="easy-vqa",
            remedy=f"Run: {pip_install('demo')}",
        ) from error
    package: ModuleType = easy_vqa
    return package


def _images(package: ModuleType, split: str) -> dict[str, Path]:
    paths = getattr(package, f"get_{split}_image_paths")()
    return {f"{split}/{number}": Path(paths[number]) for number in sorted(paths)}


def _rows(package: ModuleType, split: str) -> Iterator[tuple[str, str, str, str]]:
    """Yield the split, image id, text and answer of each question."""
    texts, answers, numbers = getattr(package, f"get_{split}_questions")()
    for text, answer, number in zip(texts, answers, numbers, strict=True):
        yield split, f"{split}/{number}", text, answer


def _answer_type(answer: str) -> str:
    if answer in ("yes", "no"):
        return "yes/no"
    return "shape" if answer in _SHAPES else "color"


EASY_VQA = Reader("48,248 questions about coloured shapes; arrives with pip", read_easy_vqa)
