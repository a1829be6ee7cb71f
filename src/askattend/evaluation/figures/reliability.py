"""Calibration: whether answers are as often right as their probabilities say."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from askattend.evaluation.answered import AnsweredQuestions
from askattend.evaluation.section import (
    Axis,
    Chart,
    Line,
    Mark,
    Note,
    PageContext,
    Section,
    TerminalLine,
)
from askattend.metrics.abstention import Abstention, how_to_abstain
from askattend.metrics.calibration import Bin, Reliability, reliability
from askattend.metrics.shares import percent

# Points of a curve that are marked each; a longer one is a line.
FEW = 30
FEW_QUESTIONS = 10
# A diagram whose shares lie closer together shows the part of the axes that holds them.
CLOSE = 0.2


def measure(evaluated: AnsweredQuestions) -> Reliability | None:
    """Measure calibration, risk and coverage; None without human answers, or probabilities."""
    if not evaluated.scored or not len(evaluated.probabilities):
        return None
    return reliability(
        evaluated.probabilities,
        evaluated.untempered,
        evaluated.scores,
        calibration=evaluated.learnt,
    )


def terminal_lines(value: Reliability) -> list[TerminalLine]:
    """Say the calibration error."""
    return [TerminalLine("expected calibration error", value.calibration_error)]


def page_section(value: Reliability, context: PageContext) -> Section:
    """Show the reliability diagram and the risk–coverage curve."""
    # What abstaining came to is a point of this figure's curve.
    abstention: Abstention | None = context.figures.get("abstention")
    charts: tuple[Chart, ...] = (_diagram(value),)
    if abstention is not None or any(point.risk > 0 for point in value.curve):
        charts = (*charts, _risk_coverage(value, abstention))
    notes = list(_notes(value))
    if abstention is None and context.abstains:
        notes.append(how_to_abstain(value.advised_risk, value.valid_questions))
    return Section("How sure it is", (*charts, Note(" ".join(notes))))


def _notes(value: Reliability) -> Iterator[str]:
    """Say what the charts come to, and where they come to little."""
    questions = sum(one.questions for one in value.bins)
    if questions < FEW_QUESTIONS:
        yield f"Of {questions:,} question{'s' * (questions > 1)} no chart tells much."
    if len(_pooled(value.bins)) < len(value.bins):
        yield f"Each point of the first chart rests on {FEW_QUESTIONS} questions or more."
    if len(value.bins) == 1 < questions:
        (only,) = value.bins
        yield (
            "All its probabilities are much alike: on average it gives "
            f"{_share(only.probability)} and is right in {_share(only.accuracy)}."
        )
    yield (
        f"Probabilities and shares of right answers are {_share(value.calibration_error)} apart on "
        f"average (expected calibration error)."
    )
    if value.temperature != 1:
        yield (
            f"Logits are divided by a temperature of {value.temperature:.2f}, fitted on the "
            f"validation questions; without, it would be {_share(value.untempered_error)}."
        )
    elif value.valid_questions:
        yield (
            f"Logits are not divided by a temperature: {value.valid_questions:,} validation "
            "questions do not tell one from 1."
        )
    risks = {point.risk for point in value.curve}
    if risks == {0.0}:
        yield "None of the answers is wrong: there is no risk to weigh against coverage."
    elif risks == {1.0}:
        yield "All of the answers are wrong, however sure it is."
    else:
        area = _share(value.area)
        yield f"The area under the other curve, its mean risk over all coverages, is {area}."


def _share(share: float) -> str:
    """Write a share with a digit that tells, and none at its ends."""
    return f"{share:.0%}" if share in (0, 1) else percent(share)


def _diagram(value: Reliability) -> Chart:
    pooled = _pooled(value.bins)
    points = tuple((one.probability, one.accuracy) for one in pooled)
    tips = tuple(
        f"gives {_share(one.probability)}, right in {_share(one.accuracy)} of {one.questions:,}"
        for one in pooled
    )
    low, high = _span([share for point in points for share in point])
    return Chart(
        "Is it as often right as it says?",
        (
            Line("if it were", ((low, low), (high, high)), reference=True),
            Line("it is", points, tips),
        ),
        Axis("probability that it gives", low, high),
        Axis("share of its answers that are right", low, high),
    )


def _pooled(bins: Sequence[Bin]) -> list[Bin]:
    """Join neighbours until each rests on some questions, where there are enough of them."""
    least = FEW_QUESTIONS if sum(one.questions for one in bins) >= 10 * FEW_QUESTIONS else 1
    found: list[Bin] = []
    for one in bins:
        if found and found[-1].questions < least:
            found[-1] = _joined(found[-1], one)
        else:
            found.append(one)
    if len(found) > 1 and found[-1].questions < least:
        found[-2:] = [_joined(*found[-2:])]
    return found


def _joined(one: Bin, other: Bin) -> Bin:
    """Join two bins, weighed by their questions."""
    count = one.questions + other.questions
    mean = [
        (a * one.questions + b * other.questions) / count
        for a, b in ((one.probability, other.probability), (one.accuracy, other.accuracy))
    ]
    return Bin(count, *mean)


def _span(shares: Sequence[float]) -> tuple[float, float]:
    """Choose the ends of both axes: all, or the part that holds shares that lie close together."""
    low, high = min(shares), max(shares)
    if high - low > CLOSE:
        return 0.0, 1.0
    low = min(math.floor(10 * low) / 10, 0.9)
    return low, max(math.ceil(10 * high) / 10, low + 0.1)


def _upright(risks: Sequence[float], abstention: Abstention | None) -> Axis:
    """Show the part of the axis that holds the risks: a good network's would lie on its end."""
    named = [] if abstention is None else [abstention.risk, abstention.achieved_risk or 0.0]
    highest = max([*risks, *named])
    digits = 0 if highest > 0.05 else 1
    return Axis(
        "share of those answers that are wrong",
        high=min(1.0, 1.1 * highest),
        label=f"{{:.{digits}%}}",
    )


def _least(points: Sequence[tuple[float, float]], abstention: Abstention | None) -> float:
    """Begin the axis near a curve that has no point on the first half of it."""
    first = min((coverage for coverage, _ in points), default=0.0)
    return 0.0 if abstention is not None or first < 0.5 else min(math.floor(10 * first) / 10, 0.9)


def _risk_coverage(value: Reliability, abstention: Abstention | None) -> Chart:
    """Draw the curve; where there is a risk to stay within, that too, and what came of it."""
    points = tuple((point.coverage, point.risk) for point in value.curve)
    # A line of one point is not to be seen; where there are few, each is marked.
    few = points if len(points) <= FEW else ()
    tips = tuple(f"{_share(coverage)} answered: {_share(risk)} wrong" for coverage, risk in few)
    lines, marks = [Line("wrong among the answered", points, tips)], []
    if abstention is not None:
        risk, achieved = abstention.risk, abstention.achieved_risk
        lines.append(Line("to stay within", ((0.0, risk), (1.0, risk)), reference=True))
        if achieved is not None:
            text = f"answers {abstention.coverage:.1%}, {achieved:.1%} of them wrong"
            marks.append(Mark(abstention.coverage, achieved, text))
    return Chart(
        "What if it answers only when it is sure?",
        tuple(lines),
        Axis("share of the questions answered", low=_least(points, abstention)),
        _upright([risk for _, risk in points], abstention),
        tuple(marks),
    )
