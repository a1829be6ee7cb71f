"""How right a system's answers to the questions of a split are, wherever they come from."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from askattend.data.questions import QASet, QuestionId
from askattend.data.splits import canonical_split
from askattend.data.text import read_utf8
from askattend.errors import ConfigError, DataError, RunError
from askattend.metrics.accuracy import metric_name
from askattend.metrics.breakdown import Scored
from askattend.metrics.wups import THRESHOLDS
from askattend.scoring.results import METRICS, PREDICTIONS, RESULTS
from askattend.scoring.score import answers_in, of_sets, scored_answers, wups_of_each


class Judged(msgspec.Struct, frozen=True, gc=False):
    """A question and how right the answer to it is: of ``predictions.json``, what is needed here.

    Attributes:
        question_id: the question's id.
        score: 0 to 1; None where the question has no human answer.
        answer_type: of the question, where the source tells.
        image: id of its image; None if it is not known.
        wups: WUPS at 0.9, 0 to 1; None where it was not asked for or is not to be had.
    """

    question_id: QuestionId
    score: float | None
    answer_type: str | None = None
    image: str | None = None
    wups: float | None = None


class _Told(msgspec.Struct, frozen=True):
    """Of ``metrics.json``, what is needed here."""

    metric: str | None = None
    source: str = ""


@dataclass(frozen=True)
class System:
    """One of those compared.

    Attributes:
        name: the run folder or results file.
        split: the split answered.
        metric: what its scores are.
        judged: its scores.
        notes: what was decided on the user's behalf, to be printed.
    """

    name: str
    split: str
    metric: str
    judged: Sequence[Judged]
    notes: tuple[str, ...] = ()


def evaluated(place: Path, split: str | None) -> System:
    """A run as its evaluation scored it.

    Raises:
        ConfigError: there is no such folder.
        RunError: the run was not evaluated on the split (by default, ``"test"``).
        DataError: a file of its evaluation is malformed, or holds no score.
    """
    if not place.is_dir():
        raise ConfigError(
            "is a results file" if place.is_file() else "no such run folder",
            where=place,
            remedy="Add --data SOURCE to score it." if place.is_file() else "Check the path.",
        )
    split = canonical_split(split or "test")
    told: _Told = _decoded(_left_by_evaluation(place, split, METRICS), _Told)
    judged: list[Judged] = _decoded(_left_by_evaluation(place, split, PREDICTIONS), list[Judged])
    if told.metric is None:
        raise DataError(
            "no question has a human answer to score against",
            where=place / split,
            remedy="Choose another --split.",
        )
    notes = ("no WUPS: it needs the human answers; add --data SOURCE",) * of_sets(told.source)
    return System(str(place), split, told.metric, judged, notes)


def scored(place: Path, questions: QASet, split: str | None, dialect: str | None) -> System:
    """The answers of a results file, or those that a run's evaluation left, scored.

    Args:
        place: the results file or run folder.
        questions: all questions of the source.
        split: by default ``"test"`` of a run, or the one that the file answers.
        dialect: see `accuracy_of`.

    Raises:
        RunError: the run was not evaluated on the split.
        DataError: see `answers_in`.
    """
    file = place
    if place.is_dir():
        split = canonical_split(split or "test")
        file = _left_by_evaluation(place, split, RESULTS)
    answered = answers_in(file, questions, split=split)
    scores = scored_answers(answered, dialect)
    wups, notes = _wups(scores, questions.source)
    judged = [
        Judged(one.question.id, one.score, one.question.answer_type, one.question.image, alike)
        for one, alike in zip(scores, wups, strict=True)
    ]
    metric = metric_name(answered.questions, dialect)
    return System(str(place), answered.split, metric, judged, (*answered.notes, *notes))


def _wups(
    answered: Sequence[Scored], source: str
) -> tuple[Sequence[float | None], tuple[str, ...]]:
    """WUPS at 0.9 of each answer where it is usual, or a note why there is none."""
    nothing = [None] * len(answered)
    if not of_sets(source):
        return nothing, ()
    try:
        return wups_of_each(answered, THRESHOLDS["0.9"]), ()
    except DataError as error:
        return nothing, (f"no WUPS: {error}",)


def _left_by_evaluation(run: Path, split: str, name: str) -> Path:
    file = run / split / name
    if not file.is_file():
        raise RunError(
            f"not evaluated on '{split}' yet, or by an earlier version: no {split}/{name}",
            where=run,
            remedy=f"Run: askattend evaluate {shlex.quote(str(run))} --split {split}",
        )
    return file


def _decoded(file: Path, kind: Any) -> Any:
    try:
        return msgspec.json.decode(read_utf8(file), type=kind)
    except msgspec.MsgspecError as error:
        raise DataError(
            f"malformed ({error})", where=file, remedy="Evaluate the run again."
        ) from None
