"""Reader of DAQUAR in its original files: questions about indoor photographs."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from msgspec.structs import replace

from askattend.data.questions import QASet, Question
from askattend.data.readers.error_collector import ErrorCollector
from askattend.data.readers.folders import files_below, locate, two_files
from askattend.data.readers.reader import Reader
from askattend.data.splits import USUAL_SPLITS, canonical_split
from askattend.data.text import read_utf8
from askattend.errors import DataError

_NAME = re.compile(
    r"qa\.(?P<classes>\d+)\.raw\.(?P<sample>reduced\.)?(?P<split>\w+)(?P<form>\.format_triple|\.txt)"
)
_ENDINGS = (".jpg", ".png", ".jpeg", ".JPG", ".PNG", ".JPEG")
# "… in the image7 ?", as the authors' own conversion removes it; other mentions stay.
_ABOUT = re.compile(r"\s+(?:(?:in|of)\s+)?(?:(?:the|this)\s+)?image\d+\s*(?=\?$)")

Triple = tuple[str, str, str]  # question, answer, image


def read_daquar(
    folder: Path,
    *,
    classes: int | None = None,
    answers: Literal["all", "single"] = "all",
    split: Literal["official", "random"] = "official",
) -> QASet:
    """Read DAQUAR (Malinowski & Fritz 2014) from a folder as its authors distribute it.

    The folder holds, in itself or in folders below it, ``qa.894.raw.train.format_triple`` and
    ``qa.894.raw.test.format_triple``, three lines a question (question, answer, image), or the
    ``.txt`` files, two lines a question (question with its image, answer); and ``image<N>.jpg`` or
    ``.png``. The set of 37 classes begins ``qa.37.raw.``; its test questions may be the sample of
    25 images that is called ``reduced``, which published figures are of. One question file is
    enough, and the images are not needed to read.

    Question ids are positions in the set, from 0, training questions first. The text of a question
    is as written, without the words "in the image7" of the ``.txt`` files. An answer of several
    things stays one string, ``"book, lamp"``: white space is made regular, but the order and
    repetitions are the annotator's, because published exact-match figures compare such strings and
    WUPS sees them as a set in any case. `answer_type` is ``"several"`` for those, ``"number"`` for
    digits, else ``"other"``.

    Args:
        folder: where the files are.
        classes: 894 or 37, which of the two sets to read where both are there; by default the
            larger.
        answers: ``"single"`` leaves out the questions whose answer is several things, as the SAN
            paper does (Yang et al. 2016); the others keep their ids.
        split: ``"random"`` draws a fifth of all questions for testing, as tutorials do, instead of
            the official split; images are then on both sides.

    Raises:
        DataError: the folder has no question file, two for one split, or a malformed one; names
            file and line, how many such cases there are and the first few.
    """
    found = files_below(folder)
    files, notes = _question_files(folder, found, classes)
    rows = [(split, *triple) for split, file in files.items() for triple in _triples(file)]
    questions = tuple(
        Question(number, image, text, ((answer, 1),), split, answer_type=_answer_type(answer))
        for number, (split, text, answer, image) in enumerate(rows)
    )
    source = "daquar" if classes is None else f"daquar-{classes}"
    source = f"{source}:{folder}"
    if answers == "single":
        source, questions, said = _single_answers(source, questions)
        notes = (*notes, said)
    if split == "random":
        source, questions, said = _random_split(source, questions)
        notes = (*notes, said)
    names = dict.fromkeys(question.image for question in questions)
    images, missing = locate(
        ((name, tuple(name + ending for ending in _ENDINGS)) for name in names),
        found,
        folder / "images",
    )
    return QASet(source, questions, images, (*notes, *missing))


def _single_answers(
    source: str, questions: tuple[Question, ...]
) -> tuple[str, tuple[Question, ...], str]:
    """Leave out the questions whose answer is several things, and say so."""
    single = tuple(q for q in questions if q.answer_type != "several")
    said = f"answers=single: {len(questions) - len(single):,} of {len(questions):,} questions "
    return f"{source},answers=single", single, f"{said}have an answer of several things: left out"


def _random_split(
    source: str, questions: tuple[Question, ...]
) -> tuple[str, tuple[Question, ...], str]:
    """Draw a fifth of the questions for testing, always the same; warn of images on both sides."""
    drawn = set(random.Random(0).sample(range(len(questions)), len(questions) // 5))
    parts = ("train", "test")
    mixed = tuple(replace(q, split=parts[n in drawn]) for n, q in enumerate(questions))
    train, test = ({q.image for q in mixed if q.split == part} for part in parts)
    said = (
        f"split=random: {len(test & train):,} of {len(test):,} images of the test are in training, "
        "too: its figures compare with those of the same protocol alone"
    )
    return f"{source},split=random", mixed, said


@dataclass(frozen=True)
class _File:
    """A question file and the parts of its name."""

    path: Path
    classes: int
    split: str
    sample: bool
    triples: bool


def _question_files(
    folder: Path, found: Mapping[str, list[str]], classes: int | None
) -> tuple[dict[str, Path], tuple[str, ...]]:
    """Map each split → its file, training first; and make notes on what is left unread."""
    files = list(_named_files(found))
    sets = sorted({file.classes for file in files}, reverse=True)
    # The larger set is DAQUAR-ALL in the papers.
    chosen = classes or (sets[0] if sets else 894)
    if chosen not in sets:
        raise DataError(
            f"no question file qa.{chosen}.raw.train.format_triple, .test.format_triple or .txt",
            where=folder,
            remedy="Name the folder that holds DAQUAR's original files.",
        )
    notes = [
        f"read the set of {chosen} classes; for that of {other} write daquar-{other}:{folder}"
        for other in sets
        if classes is None and other != chosen
    ]
    splits = dict.fromkeys((*USUAL_SPLITS, *(file.split for file in files)))
    by_split = {s: [f for f in files if (f.classes, f.split) == (chosen, s)] for s in splits}
    chosen_files = {split: _choose(fs, notes) for split, fs in by_split.items() if fs}
    return chosen_files, tuple(notes)


def _named_files(found: Mapping[str, list[str]]) -> Iterator[_File]:
    """Yield the question files, which are told by their names."""
    for name, folders in sorted(found.items()):
        if m := _NAME.fullmatch(name):
            split, triples = canonical_split(m["split"]), m["form"] == ".format_triple"
            for folder in folders:
                path = Path(folder, name)
                yield _File(path, int(m["classes"]), split, bool(m["sample"]), triples)


def _choose(files: list[_File], notes: list[str]) -> Path:
    """Choose the file of a split: the sample of 25 images, if it is there, and triples."""
    # In files of triples the image has a line of its own; in .txt it is part of the question.
    best, *others = sorted(files, key=lambda file: (not file.sample, not file.triples))
    for other in others:
        if (other.sample, other.triples) == (best.sample, best.triples):
            raise two_files(best.split, [best.path, other.path])
        notes.append(f"read {best.path.name}, not {other.path.name}")
    return best.path


def _triples(file: Path) -> Iterator[Triple]:
    # Blank lines at the end are no question; elsewhere they are a mistake, which is named.
    lines = [line.strip() for line in read_utf8(file).rstrip().split("\n")]
    if lines == [""]:
        raise DataError("the file is empty", where=file, remedy="Fetch it again.")
    names = ("question", "answer", "image") if file.suffix != ".txt" else ("question", "answer")
    mistakes = ErrorCollector()
    for start in range(0, len(lines), len(names)):
        written = lines[start : start + len(names)]
        problems = list(_problems(written, names))
        for offset, problem in problems:
            mistakes.add(f"{file}:{start + offset + 1}", problem)
        if not problems:
            yield _triple(written)
    mistakes.raise_if_any(f"Each question takes {len(names)} lines: {', '.join(names)}.")


def _triple(written: list[str]) -> Triple:
    """Make a triple of a question's lines; where they are two, the first names the image."""
    question, answer = written[:2]
    # The last name: a question may speak of another image before it.
    image = written[2] if len(written) == 3 else re.findall(r"image\d+", question)[-1]
    text = question if len(written) == 3 else _ABOUT.sub(" ", question)
    return text, ", ".join(" ".join(item.split()) for item in answer.split(",")), image


def _problems(written: list[str], names: tuple[str, ...]) -> Iterator[tuple[int, str]]:
    """Yield lines within the question (from 0) and what is wrong with them."""
    for offset, name in enumerate(names):
        if offset >= len(written):
            yield offset - 1, f"the file ends before the {name} line"
        elif not written[offset]:
            yield offset, f"the {name} line is blank"
    if len(names) == 2 and written[0] and not re.search(r"image\d+", written[0]):
        yield 0, f"the question '{written[0]}' names no image such as image3"
    if len(written) == 3 and written[2] and not re.fullmatch(r"image\d+", written[2]):
        yield 2, f"'{written[2]}' is not an image name such as image3"


def _answer_type(answer: str) -> str:
    if "," in answer:
        return "several"
    return "number" if answer.isdecimal() else "other"


# Protocols that published figures follow; the first of each is the default.
PROTOCOLS = {"answers": ("all", "single"), "split": ("official", "random")}
DAQUAR = Reader(
    "DAQUAR's original files [,answers=single][,split=random]",
    read_daquar,
    "DIR",
    "data/daquar",
    options=PROTOCOLS,
)
DAQUAR_37 = Reader(
    "DAQUAR's set of 37 classes where that of 894 is, too",
    partial(read_daquar, classes=37),
    "DIR",
    "data/daquar",
    options=PROTOCOLS,
)
