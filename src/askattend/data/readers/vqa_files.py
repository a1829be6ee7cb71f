"""The files of VQA in a folder and the splits they belong to, told by their official names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from askattend.data.readers.error_collector import ErrorCollector
from askattend.data.readers.folders import no_question_file, two_files
from askattend.data.splits import USUAL_SPLITS, canonical_split
from askattend.errors import name_few

_NAME = re.compile(
    r"(?P<version>v2_)?(?:(?P<task>OpenEnded|MultipleChoice)_)?(?P<data>mscoco|abstract_v\d+)"
    r"_(?P<name>.+)_(?P<kind>questions|annotations|complementary_pairs)\.json(?:\.gz)?"
)
# The first that is there is read, unless another is asked for.
_FAMILIES = {
    "v2": "VQA v2",
    "v1": "VQA v1",
    "abstract": "abstract scenes",
}
_EXAMPLES = {
    "v2": "v2_OpenEnded_mscoco_train2014_questions.json",
    "v1": "OpenEnded_mscoco_train2014_questions.json",
    "abstract": "OpenEnded_abstract_v002_train2015_questions.json",
}


@dataclass(frozen=True)
class Part:
    """The files of one split.

    Attributes:
        name: as the files have it, ``"train2014"``.
        split: ``"train"``, ``"valid"``, ``"test"``, or the name without its year.
        data: ``"mscoco"``, ``"abstract_v002"``.
        questions: the questions file.
        annotations: the annotations file, if there is one.
        pairs: the complementary pairs file, if there is one.
    """

    name: str
    split: str
    data: str
    questions: Path
    annotations: Path | None
    pairs: Path | None

    def image_names(self, image: int, subtype: str) -> tuple[str, ...]:
        """Return the names that an image file may have, the official one first.

        Args:
            image: its id.
            subtype: ``data_subtype`` of the questions file; ``"test-dev2015"`` and
                ``"valrep2014_humans_og"`` have the images of ``test2015`` and ``val2014``.
        """
        # Subtypes such as "valrep2014_humans_og" name the set whose images they have.
        pictures = re.search(r"(train|val|test)\D*(\d{4})", subtype or self.name)
        folder = "".join(pictures.groups()) if pictures else subtype or self.name
        if self.data == "mscoco":
            return (f"COCO_{folder}_{image:012}.jpg", f"{image:012}.jpg")
        return (f"{self.data}_{folder}_{image:012}.png",)


@dataclass(frozen=True)
class _File:
    """A file and the parts of its name; `task` is ``""`` except for questions."""

    path: Path
    family: str
    task: str
    data: str
    name: str
    kind: str


def find_parts(
    folder: Path, found: Mapping[str, list[str]], *, family: str | None
) -> tuple[list[Part], tuple[str, ...]]:
    """Find the parts of a data set, training first, and make notes on what is left unread.

    Args:
        folder: for messages.
        found: what `files_below` found in it.
        family: ``"v2"``, ``"v1"`` or ``"abstract"``; the first of them that is there if None.

    Raises:
        DataError: there is no questions file, two for one split, or annotations or pairs without
            their questions.
    """
    files = _files(found)
    there = {file.family for file in files if file.kind == "questions"}
    chosen = family or next((name for name in _FAMILIES if name in there), "v2")
    if chosen not in there:
        other = next(iter(there), "")
        also = f"For {_FAMILIES[other]} write vqa:{folder}." if other else ""
        raise no_question_file(folder, found, _EXAMPLES[chosen], also=also)
    others = [name for name in _FAMILIES if name in there - {chosen} and family is None]
    notes = [
        f"read {_FAMILIES[chosen]}; for {_FAMILIES[other]}, there too, write vqa-{other}:{folder}"
        for other in others
    ]
    orphans = _orphans(files)
    _refuse_orphans([file for file in orphans if file.family == chosen])
    if unread := [file.path.name for file in orphans if family is None]:
        notes.append(f"left unread, as their questions file is not there: {name_few(unread)}")
    chooser = _Chooser([file for file in files if file.family == chosen], notes)
    parts = sorted(map(chooser.part, chooser.names()), key=_order)
    _refuse_twins(parts)
    return parts, tuple(notes)


def _files(found: Mapping[str, list[str]]) -> list[_File]:
    return [
        _File(Path(folder, name), _family(m), m["task"] or "", m["data"], m["name"], m["kind"])
        for name, folders in sorted(found.items())
        if (m := _NAME.fullmatch(name))
        for folder in folders
    ]


def _family(name: re.Match[str]) -> str:
    if name["data"] != "mscoco":
        return "abstract"
    return "v2" if name["version"] else "v1"


class _Chooser:
    """Chooses the files of each part, and notes what it had to choose between."""

    def __init__(self, files: list[_File], notes: list[str]) -> None:
        self.files, self.notes = files, notes

    def names(self) -> list[tuple[str, str]]:
        """Return the data type and name of each part."""
        return sorted({(f.data, f.name) for f in self.files if f.kind == "questions"})

    def part(self, key: tuple[str, str]) -> Part:
        """Choose the files of one part."""
        data, name = key
        split = canonical_split(_without_year(name))
        open_ended = self._choose(key, "questions", "OpenEnded")
        multiple_choice = self._choose(key, "questions", "MultipleChoice")
        questions = open_ended or multiple_choice or self._choose(key, "questions", "")
        assert questions, "names() lists what has questions"
        # Both hold the same questions; the other adds candidate answers, unused here.
        if open_ended and multiple_choice:
            self.notes.append(f"read {open_ended.name}, not {multiple_choice.name}")
        annotations = self._choose(key, "annotations")
        if annotations is None and not split.startswith("test"):
            self.notes.append(f"no annotations file for '{split}': its questions have no answers")
        pairs = self._choose(key, "complementary_pairs")
        return Part(name, split, data, questions, annotations, pairs)

    def _choose(self, key: tuple[str, str], kind: str, task: str = "") -> Path | None:
        wanted = (*key, kind, task)
        paths = [f.path for f in self.files if (f.data, f.name, f.kind, f.task) == wanted]
        # Unpacked beside its archive, as gunzip --keep leaves it: one file, not two.
        plain = [path for path in paths if path.suffix != ".gz"]
        if len(paths) == 2 and len(plain) == 1:
            self.notes.append(f"read {plain[0].name}, not its gzip")
            paths = plain
        if len(paths) > 1:
            raise two_files(canonical_split(_without_year(key[1])), paths)
        return paths[0] if paths else None


def _order(part: Part) -> tuple[int, str]:
    """Sort training, validation, test, then others; the test set before its parts."""
    usual = [*USUAL_SPLITS, part.split]
    return (usual.index(part.split), part.name)


def _orphans(files: Iterable[_File]) -> list[_File]:
    """Return the annotations and pairs whose questions are not there."""
    with_questions = {(f.family, f.data, f.name) for f in files if f.kind == "questions"}
    return [f for f in files if (f.family, f.data, f.name) not in with_questions]


def _refuse_orphans(files: Iterable[_File]) -> None:
    orphans = ErrorCollector()
    for file in files:
        # v1 and the abstract scenes were published without a version in their names.
        version = "v2_" if file.family == "v2" else ""
        wanted = f"{version}OpenEnded_{file.data}_{file.name}_questions.json"
        orphans.add(str(file.path), f"its questions file is not there, such as {wanted}")
    orphans.raise_if_any("Fetch the questions too, or keep what is without them in another folder.")


def _refuse_twins(parts: list[Part]) -> None:
    for one, other in pairwise(parts):
        if one.split == other.split:
            raise two_files(one.split, [one.questions, other.questions])


def _without_year(name: str) -> str:
    return re.sub(r"\d{4}$", "", name)
