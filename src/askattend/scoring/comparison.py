"""Two systems on the same questions: how far apart they are, and whether it may be chance."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Sequence
from pathlib import Path

import msgspec
from msgspec.structs import replace

from askattend.data.readers.registry import read_source
from askattend.errors import ConfigError, DataError
from askattend.metrics.significance import bootstrap_interval, mcnemar, paired_permutation
from askattend.scoring.systems import Judged, System, evaluated, scored

RESAMPLES = 10_000
_FEW = 3


class Side(msgspec.Struct, frozen=True):
    """One system's accuracy, 0 to 1, with its 95 % interval by bootstrap over images."""

    name: str
    accuracy: float
    interval: tuple[float, float]


class Difference(msgspec.Struct, frozen=True):
    """Two systems on some of the questions.

    Attributes:
        questions: their number.
        first: accuracy of the first, 0 to 1.
        second: of the second.
        difference: the second's less the first's, -1 to 1.
        interval: of the difference, 95 %, by bootstrap over images.
        first_better: how many questions the first scored higher on; where scores are 0 or 1, those
            that it alone got right.
        second_better: likewise of the second.
    """

    questions: int
    first: float
    second: float
    difference: float
    interval: tuple[float, float]
    first_better: int
    second_better: int


class Comparison(msgspec.Struct, frozen=True):
    """What ``askattend compare --json`` prints.

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
    notes: tuple[str, ...] = ()


def compare_places(
    first: Path,
    second: Path,
    *,
    data: str | None = None,
    split: str | None = None,
    dialect: str | None = None,
) -> Comparison:
    """Compare two runs as they were evaluated, or two results files.

    Args:
        first: a run folder, or a results file.
        second: another.
        data: the question source to score both against; results files need one. Of a run, its
            ``SPLIT/results.json`` is scored then.
        split: by default ``"test"``, or the one that a results file answers.
        dialect: see `accuracy_of`; only with `data`.

    Raises:
        RunError: a run was not evaluated on the split.
        ConfigError: a results file is given without `data`, or a dialect is.
        DataError: the two do not answer the same questions, or a file is malformed.
    """
    if data is None and dialect is not None:
        raise ConfigError(
            "a dialect needs the answers to score against",
            where="dialect",
            remedy="Add --data SOURCE.",
        )
    if data is None:
        return compare(evaluated(first, split), evaluated(second, split))
    questions = read_source(data)
    return compare(
        scored(first, questions, split, dialect), scored(second, questions, split, dialect)
    )


def _notes(first: System, second: System) -> tuple[str, ...]:
    """What is to be known of both, once; then what is to be known of one, with its name."""
    both = [note for note in first.notes if note in second.notes]
    own = (
        f"{one.name}: {note}" for one in (first, second) for note in one.notes if note not in both
    )
    return (*both, *own)


def compare(first: System, second: System) -> Comparison:
    """Two systems' scores on the same questions.

    Raises:
        DataError: they answered different questions or splits, or were scored by another metric.
    """
    _check_alike(first, second)
    others = {one.question_id: one for one in second.judged}
    pairs = [(one, others[one.question_id]) for one in first.judged if one.score is not None]
    overall = _difference(pairs)
    images = _images(pairs)
    known = all(one.image is not None for one, _ in pairs)
    alike = _wups(pairs)
    sure = all(one.score in (0, 1) and other.score in (0, 1) for one, other in pairs)
    return Comparison(
        split=first.split,
        metric=first.metric,
        images=len(set(images)) if known else None,
        first=_side(first.name, [one for one, _ in pairs], images),
        second=_side(second.name, [other for _, other in pairs], images),
        overall=overall,
        permutation_p=_permutation(pairs),
        mcnemar_p=mcnemar(overall.first_better, overall.second_better) if sure else None,
        by_answer_type={name: _difference(group) for name, group in _by_type(pairs).items()},
        wups=_difference(alike) if alike else None,
        wups_permutation_p=_permutation(alike) if alike else None,
        notes=_notes(first, second),
    )


# --- the figures ------------------------------------------------------------------------------

Pairs = Sequence[tuple[Judged, Judged]]


def _score(one: Judged) -> float:
    assert one.score is not None, "only answered questions are compared"
    return one.score


def _mean(scores: Sequence[float]) -> float:
    return sum(scores) / len(scores)


def _less(pairs: Pairs) -> list[float]:
    return [_score(second) - _score(first) for first, second in pairs]


def _images(pairs: Pairs) -> list[Hashable]:
    """What is drawn together: the image of each question, or the question where none is known."""
    if all(one.image is not None for one, _ in pairs):
        return [one.image for one, _ in pairs]
    return [one.question_id for one, _ in pairs]


def _side(name: str, judged: Sequence[Judged], images: Sequence[Hashable]) -> Side:
    scores = [_score(one) for one in judged]
    return Side(name, _mean(scores), bootstrap_interval(scores, images, resamples=RESAMPLES))


def _difference(pairs: Pairs) -> Difference:
    less = _less(pairs)
    return Difference(
        questions=len(pairs),
        first=_mean([_score(one) for one, _ in pairs]),
        second=_mean([_score(other) for _, other in pairs]),
        difference=_mean(less),
        interval=bootstrap_interval(less, _images(pairs), resamples=RESAMPLES),
        first_better=sum(each < 0 for each in less),
        second_better=sum(each > 0 for each in less),
    )


def _permutation(pairs: Pairs) -> float:
    return paired_permutation(_less(pairs), _images(pairs), resamples=RESAMPLES)


def _wups(pairs: Pairs) -> Pairs:
    """The same pairs with WUPS for a score; none where it is not known of all."""
    if any(one.wups is None or other.wups is None for one, other in pairs):
        return []
    return [
        (replace(one, score=one.wups), replace(other, score=other.wups)) for one, other in pairs
    ]


def _by_type(pairs: Pairs) -> dict[str, list[tuple[Judged, Judged]]]:
    groups: defaultdict[str, list[tuple[Judged, Judged]]] = defaultdict(list)
    for one, other in pairs:
        if one.answer_type is not None:
            groups[one.answer_type].append((one, other))
    return dict(sorted(groups.items()))


# --- what is compared -------------------------------------------------------------------------


def _check_alike(first: System, second: System) -> None:
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
    mine, others = ({one.question_id: one for one in s.judged} for s in (first, second))
    apart = [name for name in {**mine, **others} if _apart(mine.get(name), others.get(name))]
    if apart:
        few = ", ".join(map(repr, apart[:_FEW])) + (", …" if len(apart) > _FEW else "")
        raise DataError(
            f"they answered different questions, {len(apart):,} of them not common to both: {few}",
            where=where,
            remedy="Evaluate both on the same --data and --split.",
        )
    if all(one.score is None for one in first.judged):
        raise DataError(
            "no question has a human answer to score against",
            where=where,
            remedy="Choose another --split.",
        )


def _apart(one: Judged | None, other: Judged | None) -> bool:
    """Whether two judgements under one id are about different questions."""
    if one is None or other is None:
        return True
    return one.image != other.image or (one.score is None) != (other.score is None)
