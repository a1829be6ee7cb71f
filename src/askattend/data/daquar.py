"""Reader of DAQUAR in its original files: questions about indoor photographs."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator
from pathlib import Path

from askattend.data.questions import QASet, Question
from askattend.data.splits import canonical_split
from askattend.data.text import read_utf8
from askattend.errors import DataError

_ENDING = ".format_triple"
_IMAGE_ENDINGS = (".jpg", ".jpeg", ".png")
_ORDER = ("train", "valid", "test")

Triple = tuple[str, str, str]  # question, answer, image


def read_daquar(folder: Path) -> QASet:
    """DAQUAR (Malinowski & Fritz 2014) from a folder as its authors distribute it.

    The folder holds ``qa.894.raw.train.format_triple`` and ``qa.894.raw.test.format_triple``, three
    lines a question (question, answer, image), and ``image<N>.jpg`` or ``.png``, in itself or in
    ``images/``. One of the two question files is enough, and the images are not needed to read.

    Question ids are positions in the set, from 0, training questions first. The text of a question
    is as written. An answer of several things stays one string, ``"book, lamp"``: white space is
    made regular, but the order and repetitions are the annotator's, because published exact-match
    figures compare such strings and WUPS sees them as a set in any case. `answer_type` is
    ``"several"`` for those, ``"number"`` for digits, else ``"other"``.

    Raises:
        DataError: the folder has no question file, two for one split, or a malformed one; names the
            file and line.
    """
    files = _question_files(folder)
    rows = [(split, *triple) for split in files for triple in _triples(files[split])]
    questions = tuple(
        Question(
            id=index,
            image=image,
            text=text,
            answers=((answer, 1),),
            split=split,
            answer_type=_answer_type(answer),
        )
        for index, (split, text, answer, image) in enumerate(rows)
    )
    images, notes = _image_files(folder, dict.fromkeys(q.image for q in questions))
    return QASet(f"daquar:{folder}", questions, images, notes)


def _question_files(folder: Path) -> dict[str, Path]:
    """Split → its file, training first."""
    files: dict[str, Path] = {}
    for file in sorted(folder.glob(f"*{_ENDING}")):
        split = canonical_split(file.name.removesuffix(_ENDING).split(".")[-1])
        if split in files:
            raise DataError(
                f"two files for split '{split}': {files[split].name} and {file.name}",
                where=folder,
                remedy="Keep only the one to use.",
            )
        files[split] = file
    if not files:
        raise DataError(
            f"no question file *.train{_ENDING} or *.test{_ENDING}"
            if folder.is_dir()
            else "no such folder",
            where=folder,
            remedy="Name the folder that holds DAQUAR's original files.",
        )
    known = [split for split in _ORDER if split in files]
    return {split: files[split] for split in dict.fromkeys((*known, *files))}


def _triples(file: Path) -> Iterator[Triple]:
    lines = [line.strip() for line in read_utf8(file).rstrip().split("\n")]
    if lines == [""]:
        raise DataError("the file is empty", where=file, remedy="Fetch it again.")
    for start in range(0, len(lines), 3):
        triple = lines[start : start + 3]
        for offset, problem in _problems(triple):
            raise DataError(
                problem,
                where=f"{file}:{start + offset + 1}",
                remedy="Each question takes three lines: question, answer, image.",
            )
        question, answer, image = triple
        yield question, ", ".join(" ".join(item.split()) for item in answer.split(",")), image


def _problems(triple: list[str]) -> Iterator[tuple[int, str]]:
    """Line within the triple (from 0) and what is wrong with it."""
    for offset, name in enumerate(("question", "answer", "image")):
        if offset >= len(triple):
            yield offset - 1, f"the file ends before the {name} line"
        elif not triple[offset]:
            yield offset, f"the {name} line is blank"
    if len(triple) == 3 and not re.fullmatch(r"image\d+", triple[2]):
        yield 2, f"'{triple[2]}' is not an image name such as image3"


def _answer_type(answer: str) -> str:
    if "," in answer:
        return "several"
    return "number" if answer.isdecimal() else "other"


def _image_files(folder: Path, names: Collection[str]) -> tuple[dict[str, Path], tuple[str, ...]]:
    found = {**_images_in(folder), **_images_in(folder / "images")}
    missing = [name for name in names if name not in found]
    notes: tuple[str, ...] = ()
    if missing:
        few = ", ".join(missing[:3])
        notes = (f"{len(missing):,} images are not in {folder / 'images'}: {few}, …",)
    # A missing image gets the path where it is looked for, to be named when its pixels are needed.
    return {name: found.get(name, folder / "images" / f"{name}.jpg") for name in names}, notes


def _images_in(folder: Path) -> dict[str, Path]:
    if not folder.is_dir():
        return {}
    names = sorted(os.listdir(folder))
    return {Path(n).stem: folder / n for n in names if n.lower().endswith(_IMAGE_ENDINGS)}
