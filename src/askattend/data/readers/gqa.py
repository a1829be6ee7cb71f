"""Reader of GQA in its official files: questions made from scene graphs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

import msgspec

from askattend.data.questions import Box, QASet, Question
from askattend.data.readers.error_collector import ErrorCollector
from askattend.data.readers.folders import files_below, locate, no_question_file
from askattend.data.readers.json_files import (
    each_record,
    many_objects,
    read_keyed,
    refuse_none,
    refuse_unanswered,
)
from askattend.data.readers.reader import Reader
from askattend.data.splits import canonical_split, shared_note

_ORDER = ("train", "val", "testdev", "test", "challenge")
_NAME = re.compile(
    rf"(?P<split>{'|'.join(_ORDER)})_(?P<size>balanced|all)_questions(?:_\d+)?\.json(?:\.gz)?"
)
_GRAPHS = re.compile(r"(?:train|val)_sceneGraphs\.json(?:\.gz)?")


# What a question may lack, it may also call null.
class _Types(msgspec.Struct, gc=False):
    structural: str | None = None
    semantic: str | None = None


class _Objects(msgspec.Struct, gc=False):
    """Maps of word or words → the object they refer to."""

    question: dict[str, str] | None = None
    answer: dict[str, str] | None = None
    full_answer: dict[str, str] | None = msgspec.field(default=None, name="fullAnswer")

    def distinct(self) -> dict[str, None]:
        parts = (self.question, self.answer, self.full_answer)
        return dict.fromkeys(name for part in parts for name in (part or {}).values())


class _Question(msgspec.Struct, gc=False):
    question: str
    image: str = msgspec.field(name="imageId")
    answer: str | None = None
    types: _Types | None = None
    annotations: _Objects | None = None
    equivalent: list[str] | None = None


class _Object(msgspec.Struct, gc=False):
    x: float
    y: float
    w: float
    h: float


class _SceneGraph(msgspec.Struct, gc=False):
    width: float
    height: float
    objects: dict[str, _Object]

    def box(self, name: str) -> Box | None:
        """Return the box of an object; None if it is not in the graph."""
        o = self.objects.get(name)
        if o is None or self.width <= 0 or self.height <= 0:
            return None
        edges = (o.x / self.width, o.y / self.height)
        far = ((o.x + o.w) / self.width, (o.y + o.h) / self.height)
        # Some boxes reach a pixel or two beyond their image.
        left, top, right, bottom = (min(max(edge, 0.0), 1.0) for edge in (*edges, *far))
        return left, top, right, bottom


def read_gqa(folder: Path, *, size: str | None = None) -> QASet:
    """Read GQA (Hudson & Manning 2019) from its files as downloaded.

    The folder holds, in itself or in folders below it, files such as
    ``train_balanced_questions.json``, ``val_all_questions.json`` (or its numbered parts),
    ``testdev_balanced_questions.json``, and perhaps ``train_sceneGraphs.json`` and the images,
    ``2370799.jpg``. Of a split's balanced questions and all of them, the balanced are read.

    Question and image ids are GQA's own, which are text. `question_type` is the structural type
    (``"query"``, ``"verify"``, …), `answer_type` the semantic one (``"attr"``, ``"rel"``, …).
    `boxes` are those of the objects that question and answer refer to, where the scene graph is
    there. Questions that GQA calls equivalent share their `meaning`. Test questions have no answer.

    Args:
        folder: where the files are.
        size: ``"all"``, to read all questions where the balanced ones are there too.

    Raises:
        DataError: there is no question file, or one is unreadable, not of the official schema,
            answered in part or has an id twice; names the file, the path inside it, how many such
            cases there are and the first few.
    """
    found = files_below(folder)
    files, notes = _question_files(folder, found, size)
    with many_objects():
        graphs = _scene_graphs(found)
        questions: dict[int | str, Question] = {}
        for split, file in files:
            new = _questions(file, split, graphs)
            _refuse_twins(file, new, questions)
            questions.update(new)
        names = {q.image: (f"{q.image}.jpg", f"{q.image}.png") for q in questions.values()}
        images, missing = locate(names.items(), found, folder / "images")
    source = f"gqa-{size}:{folder}" if size else f"gqa:{folder}"
    notes = (*notes, *shared_note(questions.values()), *missing)
    return QASet(source, tuple(questions.values()), images, notes)


def _question_files(
    folder: Path, found: Mapping[str, list[str]], size: str | None
) -> tuple[list[tuple[str, Path]], tuple[str, ...]]:
    """Find the files of each split, training first, and make notes on what is not read."""
    there: dict[str, dict[str, list[Path]]] = {}
    for name in sorted(found):
        if m := _NAME.fullmatch(name):
            sizes = there.setdefault(m["split"], {})
            sizes.setdefault(m["size"], []).extend(Path(inside, name) for inside in found[name])
    files, notes = [], []
    for split in sorted(there, key=_ORDER.index):
        sizes = there[split]
        # The balanced questions are those that the paper reports; all are ten times as many.
        chosen = size or min(sizes, key=("balanced", "all").index)
        if size is None and len(sizes) > 1:
            notes.append(
                f"read the balanced questions of '{split}'; for all write gqa-all:{folder}"
            )
        files += [(canonical_split(split), path) for path in sizes.get(chosen, [])]
    if not files:
        raise no_question_file(folder, found, f"train_{size or 'balanced'}_questions.json")
    return files, tuple(notes)


def _questions(
    file: Path, split: str, graphs: Mapping[str, _SceneGraph]
) -> dict[int | str, Question]:
    raws, where = read_keyed(file), f"{file}: $"
    refuse_none(raws, where)
    records = each_record(raws.items(), _Question, where=where)
    questions: dict[int | str, Question] = {
        identifier: _question(identifier, q, split, graphs)
        for identifier, q in zip(raws, records, strict=True)
    }
    refuse_unanswered(((i, q.answers) for i, q in questions.items()), where)
    return questions


def _question(
    identifier: str, q: _Question, split: str, graphs: Mapping[str, _SceneGraph]
) -> Question:
    types, equivalent = q.types or _Types(), q.equivalent or ()
    return Question(
        identifier,
        q.image,
        q.question,
        ((q.answer, 1),) if q.answer else (),
        split,
        types.structural,
        types.semantic,
        tuple(_boxes(q, graphs)),
        # The least id stands for all of them, whichever question the list belongs to.
        min(equivalent) if len(equivalent) > 1 else None,
    )


def _boxes(question: _Question, graphs: Mapping[str, _SceneGraph]) -> Iterator[Box]:
    graph = graphs.get(question.image)
    if graph is None or question.annotations is None:
        return
    for name in question.annotations.distinct():
        if box := graph.box(name):
            yield box


def _scene_graphs(found: Mapping[str, list[str]]) -> dict[str, _SceneGraph]:
    """Map image id → its scene graph, from all such files."""
    graphs: dict[str, _SceneGraph] = {}
    for name in sorted(filter(_GRAPHS.fullmatch, found)):
        file = Path(found[name][0], name)
        raws = read_keyed(file)
        records = each_record(raws.items(), _SceneGraph, where=f"{file}: $")
        graphs.update(zip(raws, records, strict=True))
    return graphs


def _refuse_twins(
    file: Path, new: Mapping[int | str, Question], questions: Mapping[int | str, Question]
) -> None:
    twice = ErrorCollector()
    for identifier in new:
        if identifier in questions:
            other = questions[identifier].split
            twice.add(f"{file}: $[{identifier!r}]", f"the id is taken by a question of '{other}'")
    twice.raise_if_any("Keep only one of the files.")


GQA = Reader("GQA as downloaded", read_gqa, "DIR", "data/gqa")
GQA_ALL = Reader(
    "all of GQA's questions where balanced ones are, too",
    partial(read_gqa, size="all"),
    "DIR",
    "data/gqa",
)
