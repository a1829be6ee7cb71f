"""Compare two systems on the same questions: how far apart they are, and whether by chance."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import msgspec

from askattend.errors import ConfigError, DataError, name_few
from askattend.metrics.scored_answer import ScoredAnswer
from askattend.metrics.significance import mcnemar
from askattend.scoring.other_questions import look_of_ids
from askattend.scoring.paired_scores import Difference, PairedScores, Pairs
from askattend.scoring.same_question import difference, refuse
from askattend.scoring.systems import System, load_systems


class Side(msgspec.Struct, frozen=True):
    """One system's accuracy, 0 to 1, with its 95 % interval, see `metrics.shares`."""

    name: str
    accuracy: float
    interval: tuple[float, float]


class Comparison(msgspec.Struct, frozen=True):
    """Two systems compared, as ``askattend compare --json`` prints it.

    Attributes:
        split: the split that both answered.
        metric: what accuracy is, by name.
        images: how many the questions are about; None where it is not known, and then questions
            count as independent.
        first: the first system.
        second: the second.
        overall: the difference on all questions.
        permutation_p: two-sided p-value of the difference; see `paired_permutation`.
        mcnemar_p: likewise of McNemar's exact test, for which all questions are independent; None
            unless all scores are 0 or 1.
        by_answer_type: the difference on the questions of each answer type.
        wups: the difference in WUPS at 0.9, where answers are sets and the source is at hand.
        wups_permutation_p: two-sided p-value of that difference.
        wups_at_0: the difference in WUPS at 0.0, likewise.
        notes: what was decided on the user's behalf, to be printed.
    """

    split: str
    metric: str
    images: int | None
    first: Side
    second: Side
    overall: Difference
    permutation_p: float
    mcnemar_p: float | None
    by_answer_type: dict[str, Difference]
    wups: Difference | None = None
    wups_permutation_p: float | None = None
    wups_at_0: Difference | None = None
    notes: tuple[str, ...] = ()


def compare_paths(
    first: Path,
    second: Path,
    *,
    data: str | None = None,
    split: str | None = None,
    dialect: str | None = None,
) -> Comparison:
    """Compare two runs as they were evaluated, or two results files.

    Args:
        first: a run folder, the folder of one of its evaluations, or a results file.
        second: another.
        data: the question source to score both against; results files need one. Of a run, its
            ``results.json`` of its evaluation is scored then.
        split: by default ``"test"``, or the only one that a run was evaluated on, or that a results
            file answers.
        dialect: see `accuracy_of`; only with `data`.

    Raises:
        RunError: a run was not evaluated on the split.
        ConfigError: a results file is given without `data`, or a dialect is.
        DataError: the two do not answer the same questions, or a file is malformed.
    """
    check_dialect(dialect, data)
    return compare(*load_systems((first, second), data=data, split=split, dialect=dialect))


def check_dialect(dialect: str | None, data: str | None) -> None:
    """Refuse a dialect without a source, whose human answers it is a way to compare with.

    Raises:
        ConfigError: a dialect is named alone.
    """
    if data is None and dialect is not None:
        raise ConfigError(
            "a dialect needs the answers to score against",
            where="dialect",
            remedy="Add --data SOURCE.",
        )


def compare(first: System, second: System) -> Comparison:
    """Compare two systems' scores on the same questions.

    Raises:
        DataError: they answered different questions or splits, or were scored by another metric.
    """
    check_comparable(first, second)
    others = {one.question_id: one for one in second.answers}
    pairs = [(one, others[one.question_id]) for one in first.answers if one.score is not None]
    paired = PairedScores.of(pairs)
    overall = paired.difference()
    zero_or_one = all(score in (0, 1) for score in (*paired.first, *paired.second))
    # WUPS over some of the questions would stand beside accuracy over all of them.
    with_wups = [pair for pair in pairs if all(one.wups is not None for one in pair)]
    wups = PairedScores.of(pairs, "wups") if len(with_wups) == len(pairs) else None
    return Comparison(
        split=first.split,
        metric=first.metric,
        images=len(set(paired.clusters)) if paired.by_image else None,
        first=Side(first.name, overall.first, paired.interval(paired.first)),
        second=Side(second.name, overall.second, paired.interval(paired.second)),
        overall=overall,
        permutation_p=paired.permutation_p(),
        mcnemar_p=mcnemar(overall.first_better, overall.second_better) if zero_or_one else None,
        by_answer_type={
            kind: PairedScores.of(group).difference() for kind, group in _by_answer_type(pairs)
        },
        wups=None if wups is None else wups.difference(),
        wups_permutation_p=None if wups is None else wups.permutation_p(),
        wups_at_0=None if wups is None else _at_0(first, second, wups),
        notes=_notes(first, second),
    )


def _at_0(first: System, second: System, at_09: PairedScores) -> Difference | None:
    """Compare WUPS at 0.0 on the questions whose WUPS at 0.9 is compared."""
    ids = [one.question_id for one in first.answers if one.score is not None]
    if not first.wups_at_0.keys() & second.wups_at_0.keys() >= set(ids):
        return None
    ones, others = ([system.wups_at_0[id_] for id_ in ids] for system in (first, second))
    return replace(at_09, first=ones, second=others).difference()


def _by_answer_type(pairs: Pairs) -> list[tuple[str, Pairs]]:
    groups: defaultdict[str, list[tuple[ScoredAnswer, ScoredAnswer]]] = defaultdict(list)
    for pair in pairs:
        if (kind := pair[0].answer_type) is not None:
            groups[kind].append(pair)
    return sorted(groups.items())


def _notes(first: System, second: System) -> tuple[str, ...]:
    """Collect the notes on both, each once, then those on one, with its name."""
    both = [note for note in first.notes if note in second.notes]
    own = (
        f"{one.name}: {note}" for one in (first, second) for note in one.notes if note not in both
    )
    return (*both, *own)


def _whose(system: System) -> str:
    """Name a system with the source, and so the protocol, whose questions it answered."""
    return f"{system.name}, on {system.source}" if system.source else system.name


def check_comparable(first: System, second: System) -> None:
    """Make sure that two systems answered the same questions, scored alike; see `compare`."""
    where = f"{first.name} and {second.name}"
    for kind, one, other in (
        ("splits", first.split, second.split),
        ("metrics", first.metric, second.metric),
    ):
        if one != other:
            raise DataError(
                f"different {kind}: {one} and {other}",
                where=where,
                remedy="Evaluate both on the same questions.",
            )
    ours, theirs = ({one.question_id: one for one in s.answers} for s in (first, second))
    each = ((first, ours), (second, theirs))
    lonely = [id_ for id_ in {**ours, **theirs} if id_ not in ours or id_ not in theirs]
    remedy = "Evaluate both on the same --data and --split."
    if lonely:
        sides = "; ".join(
            f"{len(ids):,} of {_whose(one)} ({look_of_ids(ids)})" for one, ids in each
        )
        raise DataError(
            f"they answered different questions, {len(lonely):,} of them not common to both: "
            f"{name_few(map(repr, lonely))}: {sides}; {len(ours.keys() & theirs.keys()):,} in both",
            where=where,
            remedy=remedy,
        )
    # Two sources may number their questions alike: an id alone does not tell them apart.
    differing = {id_: how for id_, one in ours.items() if (how := difference(one, theirs[id_]))}
    refuse(differing, where=where, remedy=remedy)
    if all(one.score is None for one in first.answers):
        raise DataError(
            "no question has a human answer to score against",
            where=where,
            remedy="Choose another --split.",
        )
