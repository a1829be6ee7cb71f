"""Reader of COCO-QA in its original files: questions made from captions of COCO's photographs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from askattend.data.questions import QASet, Question
from askattend.data.readers.error_collector import ErrorCollector
from askattend.data.readers.folders import files_below, locate
from askattend.data.readers.reader import Reader
from askattend.data.splits import canonical_split, shared_note
from askattend.data.text import read_utf8
from askattend.errors import DataError

TYPES = ("object", "number", "color", "location")
# Of a number of 64 bits.
_MOST_DIGITS = 18
_FILES = ("questions", "answers", "types", "img_ids")
# Folder → the COCO pictures that its questions are about.
_PICTURES = {"train": "train2014", "valid": "train2014", "val": "train2014", "test": "val2014"}

Row = tuple[str, str, str, str]


def read_coco_qa(folder: Path) -> QASet:
    """Read COCO-QA (Ren et al. 2015) from a folder as its authors distribute it.

    The folder holds ``train/`` and ``test/``, each with ``questions.txt``, ``answers.txt``,
    ``types.txt`` and ``img_ids.txt``, a line a question; one of the two is enough. The images, if
    they are there, lie anywhere in it under COCO's names, ``COCO_train2014_000000123456.jpg``.

    Question ids are positions in the set, from 0, training questions first. `question_type` and
    `answer_type` are both ``"object"``, ``"number"``, ``"color"`` or ``"location"``.

    Raises:
        DataError: a file is missing, the four have unlike numbers of lines, or lines are malformed;
            names file and line, how many such cases there are and the first few.
    """
    found = files_below(folder)
    splits = [name for name in _PICTURES if (folder / name / "questions.txt").is_file()]
    if not splits:
        raise DataError(
            "no questions.txt in train/ or test/",
            where=folder,
            remedy="Name the folder that holds COCO-QA's original folders train and test.",
        )
    questions: list[Question] = []
    names: dict[str, tuple[str, ...]] = {}
    for split in splits:
        for text, answer, kind, image in _rows(folder / split):
            answers = ((answer, 1),)
            questions.append(
                Question(len(questions), image, text, answers, canonical_split(split), kind, kind)
            )
            names.setdefault(image, _image_names(image, _PICTURES[split]))
    images, missing = locate(names.items(), found, folder / "images")
    notes = (*shared_note(questions), *missing)
    return QASet(f"coco-qa:{folder}", tuple(questions), images, notes)


def _image_names(image: str, pictures: str) -> tuple[str, ...]:
    number = f"{int(image):012}.jpg"
    # Not under the expected name, it may be under the other set's, or be called by its number.
    official = dict.fromkeys((pictures, "train2014", "val2014"))
    return (*(f"COCO_{name}_{number}" for name in official), number)


def _rows(folder: Path) -> Iterator[Row]:
    """Yield the question, answer, type and image id of each line."""
    columns = [_lines(folder / f"{name}.txt") for name in _FILES]
    counts = [len(column) for column in columns]
    # One line more in one file would shift all answers after it to other questions.
    if len(set(counts)) > 1:
        written = ", ".join(f"{name}.txt {n:,}" for name, n in zip(_FILES, counts, strict=True))
        raise DataError(
            f"the files have unlike numbers of lines: {written}",
            where=folder,
            remedy="Each line is a question's; fetch them again.",
        )
    mistakes = ErrorCollector()
    for number, row in enumerate(zip(*columns, strict=True), start=1):
        problems = list(_problems(*row))
        for name, problem in problems:
            mistakes.add(f"{folder / name}.txt:{number}", problem)
        # A wrong line yields nothing: it is counted, and all are raised at the end.
        if not problems:
            text, answer, kind, image = row
            yield text, answer, TYPES[int(kind)], str(int(image))
    mistakes.raise_if_any("Fetch the file again.")


def _lines(file: Path) -> list[str]:
    # The last line's end alone: what is blank after it is a line that lacks its content.
    return [line.strip() for line in read_utf8(file).removesuffix("\n").split("\n")]


def _problems(text: str, answer: str, kind: str, image: str) -> Iterator[tuple[str, str]]:
    """Yield each file at fault, and what is wrong with its line."""
    for name, cell in zip(_FILES, (text, answer, kind, image), strict=True):
        if not cell:
            yield name, "the line is blank"
    if kind and kind not in ("0", "1", "2", "3"):
        known = ", ".join(f"{number} ({name})" for number, name in enumerate(TYPES))
        yield "types", f"the type is '{kind}', not one of {known}"
    if image and not (image.isascii() and image.isdigit() and len(image) <= _MOST_DIGITS):
        yield "img_ids", f"'{image}' is not an image id such as 123456"


COCO_QA = Reader("COCO-QA's original files", read_coco_qa, "DIR", "data/cocoqa")
