"""The split that a results file answers, and its answers to the questions of that split."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path

from askattend.data.look_alikes import written_alike
from askattend.data.questions import QASet, QuestionId
from askattend.data.splits import canonical_split, questions_of_split
from askattend.errors import DataError, name_few
from askattend.metrics.scored_answer import ScoredAnswer, score_answer
from askattend.scoring.other_questions import describe_ids, likely_source
from askattend.scoring.results import check_results, id_type_remedy, load_results
from askattend.scoring.same_question import check_texts


@dataclass(frozen=True)
class SplitAnswers:
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

    def scored(self, dialect: str | None = None) -> list[ScoredAnswer]:
        """Score the answers to the questions that have human ones; see `accuracy_of`."""
        return [
            score_answer(question, self.answers[question.id], dialect=dialect)
            for question in self.questions
            if question.answers
        ]


def written_otherwise(scored: Sequence[ScoredAnswer]) -> tuple[str, ...]:
    """Make a note on answers that count as wrong for their spaces, dashes or commas alone."""
    pairs = [
        (one.answer, other)
        for one in scored
        if one.score == 0
        for other, _ in one.references or ()
        if written_alike(one.answer) == written_alike(other)
    ]
    if not pairs:
        return ()
    count = "1 answer is" if len(pairs) == 1 else f"{len(pairs):,} answers are"
    named = name_few(dict.fromkeys(f"'{given}' for '{human}'" for given, human in pairs))
    return (f"{count} wrong for spaces, dashes or commas alone: {named}",)


def read_split_answers(file: Path, questions: QASet, *, split: str | None = None) -> SplitAnswers:
    """Read a results file's answers to the questions of a split.

    Args:
        file: the results.
        questions: all questions of the source.
        split: by default the one that the file answers, or the smallest published subset that has
            all it answers. ``"valid"``, where the source has none, is what training holds back by
            its default settings.

    Raises:
        DataError: the file does not answer each question of the split exactly once, or answers
            only some of another split's, tells other questions than the source has, or is
            malformed; there is no such split.
    """
    results = load_results(file)
    answered = {one.question_id for one in results}
    name = _answered_split(questions, answered, file) if split is None else canonical_split(split)
    wanted = questions_of_split(questions, name)
    ids = {question.id for question in wanted}
    others = {question.id for question in questions} - ids
    # A file that answers nothing of the split is not one that answers more than the split.
    elsewhere = others if answered & ids else frozenset()
    try:
        check_results(results, wanted, elsewhere=elsewhere, where=file, split=name)
    except DataError as error:
        if not answered ^ (ids | (answered & elsewhere)):  # the same ids, only some of them twice
            raise
        raise _explained(error, questions, answered, wanted) from None
    check_texts(results, wanted, where=file)
    answers = {one.question_id: one.answer for one in results if one.question_id in ids}
    notes = _passed_over(questions, answered & elsewhere, ids, file)
    return SplitAnswers(wanted, answers, name, notes)


def _answered_split(questions: QASet, answered: Set[QuestionId], file: Path) -> str:
    """Find the one split, or published subset, that the results are about."""
    splits = _ids_by_split(questions)
    known = {one for ids in splits.values() for one in ids & answered}
    if not known and answered:
        raise _unknown_ids(questions, answered, file)
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
        remedy=_name_likely(questions, answered) or "Add --split NAME.",
    )


def _unknown_ids(questions: QASet, answered: Set[QuestionId], file: Path) -> DataError:
    ids = dict.fromkeys(question.id for question in questions)
    sides = describe_ids(answered, ids, f"of {questions.source}")
    return DataError(
        f"it answers no question of the source in any split: {sides}",
        where=file,
        remedy=id_type_remedy(answered, ids)
        or _name_likely(questions, answered)
        or "Use the source's ids, or name the --data that it answers.",
    )


def _explained(
    error: DataError, questions: QASet, answered: Set[QuestionId], wanted: QASet
) -> DataError:
    """Tell beside what is at fault how the ids differ, and whose questions they may be."""
    ids = [question.id for question in wanted]
    sides = describe_ids(answered, ids, f"of these questions of {questions.source}")
    likely = _name_likely(questions, answered)
    return DataError(f"{error.problem} ({sides})", where=error.where, remedy=likely or error.remedy)


def _name_likely(questions: QASet, answered: Set[QuestionId]) -> str | None:
    source = likely_source(questions, answered)
    return source and f"They are the questions of another protocol: --data {shlex.quote(source)}."


def _passed_over(
    questions: QASet, elsewhere: Set[QuestionId], wanted: Set[QuestionId], file: Path
) -> tuple[str, ...]:
    """Note answers to other splits' questions; they must be a whole split's, or subset's."""
    counts, partly = [], []
    for name, ids in _ids_by_split(questions).items():
        answered, rest = elsewhere & ids, ids - wanted
        wholes = [rest, *(rest & part for part in questions.subsets.values())]
        if answered and answered not in wholes:
            lacking = name_few(repr(q.id) for q in questions if q.id in rest - answered)
            partly.append(f"{len(answered):,} of {len(rest):,} of '{name}', not {lacking}")
        elif answered:
            counts.append(f"{name} ({len(answered):,})")
    if partly:
        raise DataError(
            f"it answers only some questions of another split: {'; '.join(partly)}",
            where=file,
            remedy="Answer all of them or none.",
        )
    return (f"passed over answers to other questions: {', '.join(counts)}",) if counts else ()


def _ids_by_split(questions: QASet) -> dict[str, set[QuestionId]]:
    ids: dict[str, set[QuestionId]] = {}
    for question in questions:
        ids.setdefault(question.split, set()).add(question.id)
    return ids
