"""Abstention: what saying "not sure" amounts to, where there is a risk to stay within."""

from __future__ import annotations

from askattend.evaluation.evaluate import Evaluated
from askattend.evaluation.section import Note, PageContext, Section, TerminalLine
from askattend.metrics.abstention import Abstention, abstention
from askattend.metrics.shares import percent


def measure(evaluated: Evaluated) -> Abstention | None:
    """Measure coverage and risk; None where no risk is to be kept or nothing is scored."""
    if evaluated.calibration is None or not evaluated.scored:
        return None
    return abstention(
        evaluated.calibration,
        evaluated.probabilities,
        evaluated.scores,
        [one.image for one in evaluated.scored],
        in_sample=evaluated.in_sample,
    )


def terminal_lines(value: Abstention) -> list[TerminalLine]:
    """Say how much is answered, and how much of that is wrong."""
    threshold = f"from a probability of {percent(value.threshold)}"
    threshold = "with any" if value.threshold == 0 else threshold
    threshold = "no probability is enough" if value.threshold > 1 else threshold
    note = f"   ({threshold}, chosen on {_chosen_on(value)})"
    lines = [TerminalLine(f"coverage at a risk of {value.risk:.1%}", value.coverage, note)]
    if value.achieved_risk is not None and value.interval is not None:
        low, high = value.interval
        note = f"  [{low:.2%}, {high:.2%}] (95 %), of {value.answered:,}{_flattery(value)}"
        lines.append(TerminalLine("  wrong among those", value.achieved_risk, note))
    return lines


def page_section(value: Abstention, context: PageContext) -> Section:
    """Describe it below the risk–coverage curve, on which `reliability` marks it."""
    return Section("How sure it is", (Note(_describe(value)),))


def _describe(value: Abstention) -> str:
    within = f"To keep wrong answers within {value.risk:.1%}, `ask`"
    if value.threshold > 1:
        return (
            f'{within} is always "not sure": of no probability do the {value.valid_questions:,} '
            "validation questions show that it is enough."
        )
    says = (
        f'says "not sure" below a probability of {percent(value.threshold)}'
        if value.threshold > 0
        else "need never be unsure"
    )
    here = f"Here it answers {value.coverage:.1%}"
    if value.achieved_risk is not None and value.interval is not None:
        low, high = value.interval
        here += (
            f", {value.achieved_risk:.1%} of these {value.answered:,} wrongly "
            f"(95 %: {low:.1%} to {high:.1%}; the ring on the curve){_flattery(value)}"
        )
    return (
        f"{within} {says}, chosen on {_chosen_on(value)}, so that the upper bound of their risk "
        f"(95 %, one-sided) is within it. {here}."
    )


def _chosen_on(value: Abstention) -> str:
    """Say what the threshold rests on."""
    share = f"{value.valid_coverage:.1%} of {value.valid_questions:,}"
    return f"{value.valid_answered:,} validation questions above it, {share}"


def _flattery(value: Abstention) -> str:
    """Say how many of the questions the threshold was chosen on, if any."""
    if not value.in_sample:
        return ""
    return f"; in-sample: the threshold was chosen on {value.in_sample:,} of this split's questions"
