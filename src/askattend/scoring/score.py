"""Score anybody's answers to the questions of a split."""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from askattend.data.questions import Question
from askattend.data.readers.registry import read_source
from askattend.data.text import answer_key
from askattend.errors import DataError
from askattend.metrics.accuracy import EXACT_MATCH, metric_name
from askattend.metrics.breakdown import GroupAccuracy, accuracy_by, accuracy_over
from askattend.metrics.scored_answer import ScoredAnswer
from askattend.metrics.vqa_official import CURRENT, check_dialect
from askattend.metrics.wups import mean_wups
from askattend.scoring.split_answers import SplitAnswers, read_split_answers, written_otherwise

# Sources whose answers are sets, with things between commas, for which WUPS was made.
SOURCES_OF_SETS = ("daquar", "daquar-37")

Figure = TypeVar("Figure")


class Scores(msgspec.Struct, frozen=True):
    """Scores of a results file. Accuracies are 0 to 1.

    Attributes:
        results: the results file.
        source: the question source.
        split: the split scored.
        questions: how many of its questions have a reference answer, and so a score.
        metric: ``"exact match"``, or ``"VQA accuracy, "`` and its dialect; see `metric_name`.
        dialect: of VQA accuracy; None for exact match.
        accuracy: mean over the questions.
        interval: of the accuracy, 95 %, see `metrics.shares`.
        by_answer_type: accuracy of each answer type, where the source tells them.
        by_question_type: likewise.
        wups: mean WUPS at the thresholds ``"0.9"`` and ``"0.0"``, and the share of answers that
            are ``"exact"`` as sets, white space and case aside in all three; None if it was not
            asked for or cannot be had.
        per_question: the scored answers, in the order of the source.
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
    by_answer_type: dict[str, GroupAccuracy]
    by_question_type: dict[str, GroupAccuracy]
    wups: dict[str, float] | None
    per_question: tuple[ScoredAnswer, ...]
    notes: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return what ``askattend score --json`` prints: of each question its id and score."""
        scores = [{"question_id": o.question_id, "score": o.score} for o in self.per_question]
        return msgspec.structs.asdict(self) | {"per_question": scores}


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
        wups: True to have WUPS as well; by default DAQUAR's is there, where WordNet is at hand.

    Raises:
        ConfigError: there is no such dialect.
        DataError: see `read_split_answers`; the source cannot be read, the split has no answers, or
            WUPS is asked for and cannot be had.
    """
    if dialect is not None:
        check_dialect(dialect)
    answers = read_split_answers(file, read_source(data), split=split)
    return score(answers, file=file, dialect=dialect, wups=wups)


def score(
    answers: SplitAnswers, *, file: Path, dialect: str | None = None, wups: bool | None = None
) -> Scores:
    """Score the answers to the questions of a split; see `score_file`."""
    questions, scored = answers.questions, answers.scored(dialect)
    if not scored:
        raise DataError(
            f"the questions of split '{answers.split}' have no answers to score against",
            where=questions.source,
            remedy="Choose another --split.",
        )
    metric, overall = metric_name(questions, dialect), accuracy_over(scored)
    mean, notes = wups_figure(mean_wups, answers, wanted=wups)
    return Scores(
        results=str(file),
        source=questions.source,
        split=answers.split,
        questions=len(scored),
        metric=metric,
        dialect=None if metric == EXACT_MATCH else dialect or CURRENT,
        accuracy=overall.accuracy,
        interval=overall.interval,
        by_answer_type=accuracy_by(attrgetter("answer_type"), scored),
        by_question_type=accuracy_by(attrgetter("question_type"), scored),
        wups=mean,
        per_question=tuple(scored),
        notes=(*answers.notes, *written_otherwise(scored), *notes),
    )


def has_sets(source: str) -> bool:
    """Return True for a source whose answers are sets, for which WUPS was made."""
    return source.partition(":")[0] in SOURCES_OF_SETS


def wups_figure(
    figure: Callable[[list[tuple[str, str]]], Figure],
    answers: SplitAnswers,
    *,
    wanted: bool | None = None,
) -> tuple[Figure | None, tuple[str, ...]]:
    """Compute a figure of WUPS where it is wanted, or a note where it cannot be had.

    Args:
        figure: computes it from pairs (human answer, answer given), one a question with an answer.
        answers: the answers given.
        wanted: by default, the sources of `SOURCES_OF_SETS` have it.

    Raises:
        DataError: it is wanted, and there is no WordNet, or a question has several human answers.
    """
    if not (has_sets(answers.questions.source) if wanted is None else wanted):
        return None, ()
    try:
        # The script compares words as they are written; a capital letter is no other answer.
        pairs = [
            (answer_key(_one_reference(q)), answer_key(answers.answers[q.id]))
            for q in answers.questions
            if q.answers
        ]
        return figure(pairs), ()
    except DataError as error:
        if wanted:
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
