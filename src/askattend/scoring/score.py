"""How good anybody's answers to the questions of a split are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path

import msgspec

from askattend.data.questions import QASet, Question, QuestionId
from askattend.data.readers.registry import read_source
from askattend.data.splits import canonical_split, training_splits
from askattend.data.text import answer_key
from askattend.errors import DataError, name_few
from askattend.metrics.accuracy import EXACT_MATCH, accuracy_of, metric_name
from askattend.metrics.breakdown import Scored, Share, by, share
from askattend.metrics.vqa_official import CURRENT, check_dialect
from askattend.metrics.wups import Wups, mean_wups
from askattend.scoring.results import check_results, id_hint, load_results

# Sources whose answers are sets, with things between commas, for which WUPS was made.
SETS = ("daquar", "daquar-37")


@dataclass(frozen=True)
class Answered:
    """A results file's answers to the questions of a split.

    Attributes:
        questions: those of the split.
        answers: question id → answer, for each of them.
        split: its name.
        notes: what was decided on the user's behalf, to be printed.
    """

    questions: QASet
    answers: Mapping[QuestionId, str]
    split: str
    notes: tuple[str, ...] = ()


class QuestionScore(msgspec.Struct, frozen=True):
    """How right the answer to a question is, 0 to 1."""

    question_id: QuestionId
    score: float


class Scores(msgspec.Struct, frozen=True):
    """What ``askattend score --json`` prints. Accuracies are 0 to 1.

    Attributes:
        results: the results file.
        source: the question source.
        split: the split scored.
        questions: how many of its questions have a reference answer, and so a score.
        metric: ``"exact match"``, or ``"VQA accuracy, "`` and its dialect; see `metric_name`.
        dialect: of VQA accuracy; None for exact match.
        accuracy: mean over the questions.
        interval: of the accuracy, 95 %, by bootstrap over images.
        by_answer_type: accuracy of each answer type, where the source tells them.
        by_question_type: likewise.
        wups: mean WUPS at the thresholds ``"0.9"`` and ``"0.0"``, and the share of answers that
            are ``"exact"`` as sets, white space and case aside in all three; None if it was not
            asked for or cannot be had.
        per_question: the score of each question, in the order of the source.
        notes: what was decided on the user's behalf, to be printed.
    """

    results: str
    source: str
    split: str
    questions: int
    metric: str
    dialect: str | None
    accuracy: float
    interval: tuple[float, float]
    by_answer_type: dict[str, Share]
    by_question_type: dict[str, Share]
    wups: dict[str, float] | None
    per_question: tuple[QuestionScore, ...]
    notes: tuple[str, ...] = ()


def score_file(
    file: Path,
    *,
    data: str,
    split: str | None = None,
    dialect: str | None = None,
    wups: bool | None = None,
) -> Scores:
    """Score a results file against the human answers of a question source.

    Args:
        file: the results, in the VQA leaderboard's format; .json or .json.gz.
        data: the question source.
        split: which of its splits; by default the one that the file answers. Answers to all
            questions of another split are passed over, with a note.
        dialect: see `accuracy_of`; by default exact match where each question has one human answer,
            else ``"current"``.
        wups: whether WUPS is told as well; by default DAQUAR's is, where WordNet is at hand.

    Raises:
        ConfigError: there is no such dialect.
        DataError: the file does not answer each question of the split exactly once, or answers
            only some of another's; the source cannot be read, the split has no answers, or WUPS is
            asked for and cannot be had.
    """
    if dialect is not None:
        check_dialect(dialect)
    answered = answers_in(file, read_source(data), split=split)
    return score(answered, file=file, dialect=dialect, wups=wups)


def score(
    answered: Answered, *, file: Path, dialect: str | None = None, wups: bool | None = None
) -> Scores:
    """Score the answers to the questions of a split; see `score_file`."""
    questions, split = answered.questions, answered.split
    scored = scored_answers(answered, dialect)
    if not scored:
        raise DataError(
            f"the questions of split '{split}' have no answers to score against",
            where=questions.source,
            remedy="Choose another --split.",
        )
    metric, whole = metric_name(questions, dialect), share(scored)
    figures, notes = _wups(scored, questions.source, asked=wups)
    return Scores(
        results=str(file),
        source=questions.source,
        split=split,
        questions=len(scored),
        metric=metric,
        dialect=None if metric == EXACT_MATCH else dialect or CURRENT,
        accuracy=whole.accuracy,
        interval=whole.interval,
        by_answer_type=by(lambda question: question.answer_type, scored),
        by_question_type=by(lambda question: question.question_type, scored),
        wups=figures,
        per_question=tuple(QuestionScore(one.question.id, one.score) for one in scored),
        notes=(*answered.notes, *notes),
    )


def scored_answers(answered: Answered, dialect: str | None = None) -> list[Scored]:
    """The questions that have human answers, with the answers given and how right these are."""
    return [
        Scored(question, given, accuracy_of(given, question.answers, dialect))
        for question in answered.questions
        if question.answers and (given := answered.answers[question.id]) is not None
    ]


def answers_in(file: Path, questions: QASet, *, split: str | None = None) -> Answered:
    """A results file's answers to the questions of a split.

    Args:
        file: the results.
        questions: all questions of the source.
        split: by default the one that the file answers, or the smallest published subset that has
            all it answers. ``"valid"``, where the source has none, is what training holds back by
            its default settings.

    Raises:
        DataError: see `score_file`.
    """
    results = load_results(file)
    given = {one.question_id for one in results}
    name = _answered(questions, given, file) if split is None else canonical_split(split)
    asked = _split(questions, name)
    ids = {question.id for question in asked}
    others = {question.id for question in questions} - ids
    # A file that answers nothing of the split is not one that answers more than the split.
    elsewhere = others if given & ids else frozenset()
    check_results(results, asked, elsewhere=elsewhere, where=file, split=name)
    answers = {one.question_id: one.answer for one in results if one.question_id in ids}
    return Answered(asked, answers, name, _passed_over(questions, given & elsewhere, ids, file))


def _split(questions: QASet, name: str) -> QASet:
    if name == "valid" and "valid" not in questions.splits and "train" in questions.splits:
        return training_splits(questions).valid
    return questions.split(name)


def _answered(questions: QASet, given: Set[QuestionId], file: Path) -> str:
    """The one split, or published subset, that the results are about."""
    splits = _ids(questions)
    known = {one for ids in splits.values() for one in ids & given}
    if not known and given:
        raise _unknown_ids(questions, given, file)
    if not known:
        # The check against any split tells what ids there should be.
        return "test" if "test" in splits else next(iter(splits))
    all_parts = {**splits, **questions.subsets}
    holding = [name for name, ids in all_parts.items() if known <= ids]
    if holding:
        return min(holding, key=lambda name: len(all_parts[name]))
    counts = {name: len(ids & known) for name, ids in splits.items()}
    listed = ", ".join(f"{name} ({count:,})" for name, count in counts.items() if count)
    raise DataError(
        f"it answers questions of several splits: {listed}",
        where=file,
        remedy="Add --split NAME.",
    )


def _unknown_ids(questions: QASet, given: Set[QuestionId], file: Path) -> DataError:
    ids = dict.fromkeys(question.id for question in questions)
    theirs, ours = (name_few(map(repr, some)) for some in (sorted(given, key=str), ids))
    return DataError(
        f"none of its question ids ({theirs}) is one of {questions.source}, in any split ({ours})",
        where=file,
        remedy=id_hint(given, ids) or "Use the source's ids, or name another --data.",
    )


def _passed_over(
    questions: QASet, given: Set[QuestionId], asked: Set[QuestionId], file: Path
) -> tuple[str, ...]:
    """A note on answers to other splits' questions; they must be a whole split's, or subset's."""
    counts, partly = [], []
    for name, ids in _ids(questions).items():
        there, rest = given & ids, ids - asked
        wholes = [rest, *(rest & part for part in questions.subsets.values())]
        if there and there not in wholes:
            lacking = name_few(repr(q.id) for q in questions if q.id in rest - there)
            partly.append(f"{len(there):,} of {len(rest):,} of '{name}', not {lacking}")
        elif there:
            counts.append(f"{name} ({len(there):,})")
    if partly:
        raise DataError(
            f"it answers only some questions of another split: {'; '.join(partly)}",
            where=file,
            remedy="Answer all of them or none.",
        )
    return (f"passed over answers to other questions: {', '.join(counts)}",) if counts else ()


def _ids(questions: QASet) -> dict[str, set[QuestionId]]:
    """Split → the ids of its questions."""
    ids: dict[str, set[QuestionId]] = {}
    for question in questions:
        ids.setdefault(question.split, set()).add(question.id)
    return ids


def of_sets(source: str) -> bool:
    """Whether a source is one whose answers are sets, for which WUPS was made."""
    return source.partition(":")[0] in SETS


def wups_of_each(scored: Sequence[Scored], threshold: float) -> list[float]:
    """WUPS of each question's answer, 0 to 1.

    Raises:
        DataError: there is no WordNet, or a question has several human answers.
    """
    wups = Wups()
    return [
        wups.score(answer_key(_one_reference(one.question)), answer_key(one.answer), threshold)
        for one in scored
    ]


def _wups(
    scored: list[Scored], source: str, *, asked: bool | None
) -> tuple[dict[str, float] | None, tuple[str, ...]]:
    """WUPS where it is asked for or usual, and a note where it is usual and cannot be had."""
    wanted = of_sets(source) if asked is None else asked
    if not wanted:
        return None, ()
    # The script compares words as they are written; a capital letter is no other answer.
    pairs = [(answer_key(_one_reference(one.question)), answer_key(one.answer)) for one in scored]
    try:
        return mean_wups(pairs, Wups()), ()
    except DataError as error:
        if asked:
            raise
        return None, (f"no WUPS: {error}",)


def _one_reference(question: Question) -> str:
    if len(question.answers) == 1:
        return question.answers[0][0]
    raise DataError(
        f"has {len(question.answers)} different human answers, and WUPS compares with one",
        where=f"question {question.id!r}",
        remedy="Leave --wups out.",
    )
