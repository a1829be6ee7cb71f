"""Calibration: whether answers are as often right as their probabilities say."""

from __future__ import annotations

from collections.abc import Sequence

from askattend.evaluation.evaluate import Evaluated
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
from askattend.metrics.abstention import Abstention
from askattend.metrics.calibration import Reliability, reliability

# Points of a curve that are marked each; a longer one is a line.
FEW = 30
_HOW_TO_ABSTAIN = (
    'After `evaluate --abstain-above-risk 0.1`, `ask` says "not sure" where more than a tenth of '
    "its answers would be wrong."
)


def measure(evaluated: Evaluated) -> Reliability | None:
    """Measure calibration, risk and coverage; None where the split has no answers."""
    if not evaluated.scored:
        return None
    return reliability(
        evaluated.probabilities,
        evaluated.untempered,
        evaluated.scores,
        temperature=evaluated.temperature,
    )


def terminal_lines(value: Reliability) -> list[TerminalLine]:
    """Say the calibration error."""
    return [TerminalLine("expected calibration error", value.calibration_error)]


def page_section(value: Reliability, context: PageContext) -> Section:
    """Show the reliability diagram and the risk–coverage curve."""
    # What abstaining came to is a point of this figure's curve.
    abstention: Abstention | None = context.figures.get("abstention")
    notes = [
        f"Probabilities and shares of right answers are {value.calibration_error:.1%} apart on "
        f"average (expected calibration error)."
    ]
    if value.temperature != 1:
        notes.append(
            f"Logits are divided by a temperature of {value.temperature:.2f}, fitted on the "
            f"validation questions; without, it would be {value.untempered_error:.1%}."
        )
    notes.append(
        f"The area under the other curve, its mean risk over all coverages, is {value.area:.1%}."
    )
    charts: tuple[Chart, ...] = (_diagram(value),)
    if abstention is not None or any(point.risk > 0 for point in value.curve):
        charts = (*charts, _risk_coverage(value, abstention))
    else:
        notes[-1] = "None of the answers is wrong: there is no risk to weigh against coverage."
    if abstention is None:
        notes.append(_HOW_TO_ABSTAIN)
    return Section("How sure it is", (*charts, Note(" ".join(notes))))


def _diagram(value: Reliability) -> Chart:
    points = tuple((b.probability, b.accuracy) for b in value.bins)
    tips = tuple(f"{probability:.1%}: {accuracy:.1%}" for probability, accuracy in points)
    return Chart(
        "Is it as often right as it says?",
        (
            Line("if it were", ((0.0, 0.0), (1.0, 1.0)), reference=True),
            Line("it is", points, tips),
        ),
        Axis("probability that it gives"),
        Axis("share of its answers that are right"),
    )


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


def _risk_coverage(value: Reliability, abstention: Abstention | None) -> Chart:
    """Draw the curve; where there is a risk to stay within, that too, and what came of it."""
    points = tuple((point.coverage, point.risk) for point in value.curve)
    # A line of one point is not to be seen; where there are few, each is marked.
    few = points if len(points) <= FEW else ()
    tips = tuple(f"{coverage:.1%} answered: {risk:.1%} wrong" for coverage, risk in few)
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
        Axis("share of the questions answered"),
        _upright([risk for _, risk in points], abstention),
        tuple(marks),
    )
