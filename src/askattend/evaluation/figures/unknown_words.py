"""Questions unlike the training ones: how sure the network is where it does not know the words.

A question in a language that it never saw is to a network a row of unknown words, so that is what
some of the split's questions are made into: half of their words unknown, then all.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
from rich.console import Console

from askattend.evaluation.answers import answer_questions, with_unknown_words
from askattend.evaluation.evaluate import Evaluated
from askattend.evaluation.section import Note, PageContext, Section, Table, TerminalLine
from askattend.metrics.calibration import NOT_JUDGED
from askattend.metrics.shares import share_interval
from askattend.runs.judging import is_sure

SHARES = (0.0, 0.5, 1.0)
_NAMES = {0.0: "known as they are", 0.5: "half unknown", 1.0: "all unknown"}


class Unlike(msgspec.Struct, frozen=True):
    """Answers to questions a share of whose words was made unknown.

    Attributes:
        unknown: that share, 0 to 1.
        accuracy: of the answers, 0 to 1.
        interval: of that, 95 %, see `share_interval`.
        probability: mean probability that the network gives them, as it is told.
        untempered: the same at temperature 1.
        sure: share of the answers that it is sure of; 0 where most words are unknown; else None
            where no threshold was chosen, so that nobody judged.
    """

    unknown: float
    accuracy: float
    interval: tuple[float, float]
    probability: float
    untempered: float
    sure: float | None


class UnknownWords(msgspec.Struct, frozen=True):
    """The same questions with ever fewer words that the network knows.

    Attributes:
        questions: how many were asked.
        slope: what the temperature rises by with the share of unknown words, as a multiple of
            itself; None where nothing was learnt from validation.
        rows: by the share of unknown words.
    """

    questions: int
    slope: float | None
    rows: tuple[Unlike, ...]


def measure(evaluated: Evaluated) -> UnknownWords | None:
    """Ask a sample of the questions again; None without answers, or a network that reads none."""
    answered = any(question.answers for question in evaluated.sample.questions)
    if "question" not in evaluated.predictor.model.inputs or not answered:
        return None
    calibration = evaluated.calibration
    rows = tuple(_row(evaluated, share) for share in SHARES)
    slope = None if calibration is None else calibration.unknown_slope
    return UnknownWords(len(evaluated.sample.questions), slope, rows)


def terminal_lines(value: UnknownWords) -> list[TerminalLine]:
    """Say how probable and how right answers are where no word is known."""
    last = value.rows[-1]
    low, high = last.interval
    note = f"  where {last.accuracy:.2%} [{low:.2%}, {high:.2%}] (95 %) are right"
    return [TerminalLine("mean probability, all words unknown", last.probability, note)]


def page_section(value: UnknownWords, context: PageContext) -> Section:
    """Show a row a share of unknown words."""
    columns = ("Words of the question", "Mean probability", "at temperature 1", "Right", "Sure")
    rows = tuple(
        (
            _NAMES[row.unknown],
            f"{row.probability:.1%}",
            f"{row.untempered:.1%}",
            f"{row.accuracy:.1%} ({row.interval[0]:.1%}–{row.interval[1]:.1%})",
            NOT_JUDGED if row.sure is None else f"{row.sure:.1%}",
        )
        for row in value.rows
    )
    table = Table(columns, rows, "And of questions unlike those it learnt from?")
    return Section("How sure it is", (table, Note(_note(value))))


def _note(value: UnknownWords) -> str:
    what = (
        f"{value.questions:,} of the split's questions, with some of their words made unknown to "
        "the network, as those of a foreign question are. Where more than a quarter of the words "
        "is unknown, no answer is sure."
    )
    if value.slope is None:
        return f"{what} No temperature was fitted for such questions."
    return (
        f"{what} Validation taught that the temperature of a question without a known word is "
        f"{1 + value.slope:.1f} times that of one whose words are all known."
    )


def _row(evaluated: Evaluated, share: float) -> Unlike:
    predictor = evaluated.predictor
    most = len(evaluated.sample.questions)
    batches = with_unknown_words(predictor, evaluated.sample, share, most=most)
    quiet = Console(quiet=True)
    found = answer_questions(predictor, batches, console=quiet, calibration=evaluated.calibration)
    kept = [i for i, one in enumerate(found.answers) if one.score is not None]
    answers = [found.answers[i] for i in kept]
    scores = np.array([one.score for one in answers], dtype=np.float64)
    told = np.array([one.probability for one in answers], dtype=np.float64)
    judged = [
        is_sure(probability, predictor.threshold, unknown=unknown)
        for probability, unknown in zip(told.tolist(), found.unknown[kept].tolist(), strict=True)
    ]
    return Unlike(
        share,
        float(scores.mean()),
        share_interval(scores, [one.image for one in answers]),
        float(told.mean()),
        float(found.untempered[kept].mean()),
        _share_sure(judged),
    )


def _share_sure(judged: Sequence[bool | None]) -> float | None:
    """Return the share of answers that are sure; None where some were judged by nobody."""
    if None in judged:
        return None
    return sum(map(bool, judged)) / len(judged)
