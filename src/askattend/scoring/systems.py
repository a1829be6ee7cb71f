"""Systems to be compared: a run as it was evaluated, or anybody's answers, scored."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from askattend.data.questions import QASet, QuestionId
from askattend.data.readers.registry import read_source
from askattend.data.text import answer_key, read_utf8
from askattend.environment.home import shortened
from askattend.errors import ConfigError, DataError, RunError
from askattend.files import decode_json, digest_of
from askattend.files.manifest import require_together, require_unchanged
from askattend.metrics.accuracy import accuracy_of, metric_name, metric_of
from askattend.metrics.scored_answer import ScoredAnswer
from askattend.metrics.vqa_official import NORMALIZED
from askattend.metrics.wups import THRESHOLDS, Wups, wups_of_each
from askattend.scoring.evaluated_runs import (
    find_evaluation,
    how_to_share,
    is_run,
    require_evaluations,
)
from askattend.scoring.evaluation_folders import EVALUATION_FILES, require_own_evaluation
from askattend.scoring.results import METRICS, PREDICTIONS, RESULTS
from askattend.scoring.same_question import asked_differently, refuse
from askattend.scoring.score import has_sets, wups_figure
from askattend.scoring.split_answers import SplitAnswers, read_split_answers, written_otherwise


class EvaluatedFloor(msgspec.Struct, frozen=True):
    """Fields of a floor in ``metrics.json`` that a comparison needs.

    Attributes:
        name: for people.
        accuracy: 0 to 1.
    """

    name: str
    accuracy: float


class EvaluatedMetric(msgspec.Struct, frozen=True):
    """Fields of ``metrics.json`` that a comparison needs.

    Attributes:
        metric: what the scores are; None where no question has a human answer.
        source: the question source.
        split: the split.
        run: `mark_of` the run.
        floors: by name in files; None where there are none.
    """

    metric: str | None = None
    source: str = ""
    split: str = ""
    run: str = ""
    floors: dict[str, EvaluatedFloor] | None = None


@dataclass(frozen=True)
class System:
    """A run or results file that is compared.

    Attributes:
        name: the run folder or results file.
        split: the split answered.
        metric: what its scores are.
        answers: its answers, scored where the question has a human answer.
        notes: what was decided on the user's behalf, to be printed.
        source: of the questions, whose protocol it names.
        wups_at_0: question id → WUPS at 0.0, of those whose WUPS at 0.9 is known.
        floors: as its evaluation left them, by name in files; empty where another way scored it.
    """

    name: str
    split: str
    metric: str
    answers: Sequence[ScoredAnswer]
    notes: tuple[str, ...] = ()
    source: str = ""
    wups_at_0: Mapping[QuestionId, float] = field(default_factory=dict)
    floors: Mapping[str, EvaluatedFloor] = field(default_factory=dict)


def load_systems(
    paths: Sequence[Path],
    *,
    data: str | None,
    split: str | None,
    dialect: str | None,
    read: Callable[[str], QASet] = read_source,
) -> list[System]:
    """Load runs, or results files, that are to be compared on one split.

    Args:
        paths: of them.
        data: see `scored_system`; None for runs as they were evaluated.
        split: see `find_evaluation`.
        dialect: see `accuracy_of`.
        read: reads the source.

    Raises:
        DataError: they were found on different splits; also see `scored_system`.
        RunError: runs were not evaluated on the split; see `require_evaluations`.
        ConfigError: see `evaluated_system`.
    """
    require_evaluations(paths, split, data)
    if data is None:
        systems = _scored_alike([evaluated_system(path, split) for path in paths])
    else:
        questions, digest = read(data), cache(digest_of)  # all are asked about the same
        systems = [scored_system(path, questions, split, dialect, digest) for path in paths]
    if len(splits := dict.fromkeys(system.split for system in systems)) > 1:
        where = ", ".join(system.name for system in systems)
        remedy = how_to_share(paths, data)
        raise DataError(f"different splits: {' and '.join(splits)}", where=where, remedy=remedy)
    return systems


def evaluated_system(run: Path, split: str | None) -> System:
    """Read a run's scores as its evaluation left them.

    Raises:
        ConfigError: there is no such folder.
        RunError: see `find_evaluation`.
        DataError: a file of its evaluation is malformed, or holds no score.
    """
    name = str(run)
    if not is_run(run):
        raise ConfigError(
            "is a results file" if run.is_file() else "no such run folder",
            where=run,
            remedy="Add --data SOURCE to score it." if run.is_file() else "Check the path.",
        )
    folder = find_evaluation(run, split)
    _require_own(run, folder)
    figures: EvaluatedMetric = _decode(folder / METRICS, EvaluatedMetric)
    predictions = _evaluation_file(folder, PREDICTIONS)
    answers: list[ScoredAnswer] = _decode(predictions, list[ScoredAnswer])
    if figures.metric is None:
        raise DataError(
            "no question has a human answer to score against",
            where=folder,
            remedy="Choose another --split.",
        )
    given = name, figures.split, figures.metric
    made = System(*given, answers, source=figures.source, floors=figures.floors or {})
    return _with_wups(made) if has_sets(figures.source) else made


def _with_wups(system: System) -> System:
    """Add WUPS where answers are sets, by the human answers that evaluations keep."""
    answers = system.answers
    scored = [one for one in answers if one.score is not None]
    human = [one.references for one in scored if one.references and len(one.references) == 1]
    if len(human) < len(scored):
        return replace(system, notes=("no WUPS: it needs the human answers; add --data SOURCE",))
    pairs = [
        (answer_key(r[0][0]), answer_key(s.answer)) for r, s in zip(human, scored, strict=True)
    ]
    try:
        return _with_figures(system, *_both_wups(pairs))
    except DataError as error:  # there is no WordNet
        return replace(system, notes=(f"no WUPS: {error}",))


def _both_wups(pairs: Sequence[tuple[str, str]]) -> tuple[list[float], list[float]]:
    """Compute WUPS at 0.9, and at 0.0, of each pair (true answer, answer given)."""
    wups = Wups()
    at_09, at_0 = (wups_of_each(pairs, THRESHOLDS[name], wups) for name in ("0.9", "0.0"))
    return at_09, at_0


def _with_figures(system: System, at_09: Sequence[float], at_0: Sequence[float]) -> System:
    """Return a system with WUPS of each of its scored answers."""
    ids = [one.question_id for one in system.answers if one.score is not None]
    higher, lower = (dict(zip(ids, each, strict=True)) for each in (at_09, at_0))
    answers = [
        msgspec.structs.replace(one, wups=higher.get(one.question_id)) for one in system.answers
    ]
    return replace(system, answers=answers, wups_at_0=lower)


def _scored_alike(systems: list[System]) -> list[System]:
    """Score anew what was scored in different ways, where the human answers are told of all.

    An answer in a model's own words is normalised before it is compared, one of a list is not.
    """
    if len({system.metric for system in systems}) < 2:
        return systems
    if any(one.references is None for system in systems for one in system.answers):
        return systems
    note = f"scored anew, all answers {NORMALIZED}: they had been scored in different ways"
    found = []
    for system in systems:
        answers = [
            msgspec.structs.replace(one, score=accuracy_of(one.answer, one.references, NORMALIZED))
            if one.references
            else one
            for one in system.answers
        ]
        counts = {sum(n for _, n in one.references or ()) for one in answers} - {0}
        metric = metric_of(counts, NORMALIZED)
        notes = (*system.notes, note)
        # Its floors were scored in the former way.
        found.append(replace(system, answers=answers, metric=metric, notes=notes, floors={}))
    return found


def scored_system(
    path: Path,
    questions: QASet,
    split: str | None,
    dialect: str | None,
    digest: Callable[[Path], str | None] = digest_of,
) -> System:
    """Score the answers of a results file, or those that a run's evaluation left.

    Args:
        path: the results file or run folder.
        questions: all questions of the source.
        split: see `find_evaluation` of a run; by default the one that a file answers.
        dialect: see `accuracy_of`.
        digest: of an image's file; one that remembers, for several runs asked about the same.

    Raises:
        RunError: see `find_evaluation`.
        DataError: see `read_split_answers`, or the run was asked other questions under these ids.
    """
    name = str(path)
    file, evaluated = path, is_run(path)
    if evaluated:
        folder = find_evaluation(path, split, questions.source)
        _require_own(path, folder)
        file = _evaluation_file(folder, RESULTS)
        split = _decode(folder / METRICS, EvaluatedMetric).split
    answers = read_split_answers(file, questions, split=split)
    scored = answers.scored(dialect)
    checked = _check_asked(path, file.parent, answers, scored, digest) if evaluated else ()
    wups, notes = wups_figure(_both_wups, answers)
    metric = metric_name(answers.questions, dialect)
    notes = (*answers.notes, *checked, *written_otherwise(scored), *notes)
    made = System(name, answers.split, metric, scored, notes, shortened(questions.source))
    return made if wups is None else _with_figures(made, *wups)


def _check_asked(
    run: Path,
    folder: Path,
    answers: SplitAnswers,
    scored: Sequence[ScoredAnswer],
    digest: Callable[[Path], str | None],
) -> tuple[str, ...]:
    """Make sure that a run was asked what its answers are to be scored against.

    Returns:
        a note where the human answers are others than the run was evaluated against: those may be
        what somebody wants to know about.

    Raises:
        DataError: it was asked other questions, or about other images.
    """
    predictions: list[ScoredAnswer] = _decode(folder / PREDICTIONS, list[ScoredAnswer])
    asked = {one.question_id: one for one in predictions}
    shown = {image: digest(file) for image, file in answers.questions.images.items()}
    differing, others = {}, 0
    for one in scored:
        before = asked.get(one.question_id, one)
        now = msgspec.structs.replace(one, image_digest=shown.get(one.image or ""))
        if how := asked_differently(before, now):
            differing[one.question_id] = how
        # Without any, it was evaluated for what it says alone.
        others += dict(before.references or ()) not in ({}, dict(one.references or ()))
    remedy = f"Evaluate it with --data {shlex.quote(answers.questions.source)} first."
    refuse(differing, where=run, remedy=remedy)
    if not others:
        return ()
    return (f"{run}: {others:,} questions had other human answers when it was evaluated",)


def _require_own(run: Path, folder: Path) -> None:
    """Refuse an evaluation that was interrupted while it was written, or is another run's."""
    require_together(folder, EVALUATION_FILES, DataError)
    if run != folder:
        require_own_evaluation(run, folder, _decode(folder / METRICS, EvaluatedMetric).run)


def _evaluation_file(folder: Path, name: str) -> Path:
    file = folder / name
    if not file.is_file():
        raise RunError(f"no {name}", where=folder, remedy="Evaluate the run again.")
    require_unchanged(file, DataError)
    return file


def _decode(file: Path, kind: Any) -> Any:
    require_unchanged(file, DataError)
    try:
        return decode_json(read_utf8(file), kind)
    except msgspec.MsgspecError as error:
        raise DataError(
            f"malformed ({error})", where=file, remedy="Evaluate the run again."
        ) from None
