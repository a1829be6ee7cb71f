"""Abstention: what saying "not sure" amounts to, where there is a risk to stay within."""

from __future__ import annotations

from askattend.evaluation.evaluate import Evaluated
from askattend.evaluation.section import Note, PageContext, Section, TerminalLine
from askattend.metrics.calibration import Abstention, abstention


def measure(evaluated: Evaluated) -> Abstention | None:
    """Measure coverage and risk; None where no risk is to be kept or nothing is scored."""
    if evaluated.calibration is None or not evaluated.scored:
        return None
    return abstention(evaluated.calibration, evaluated.probabilities, evaluated.scores)


def terminal_lines(value: Abstention) -> list[TerminalLine]:
    """Say how much is answered, and how much of that is wrong."""
    threshold = f"from a probability of {value.threshold:.2%}"
    threshold = "with any" if value.threshold == 0 else threshold
    threshold = "no probability is enough" if value.threshold > 1 else threshold
    note = f"   ({threshold}; of validation {value.valid_coverage:.2%})"
    label = f"answered, {value.risk:.1%} of them wrong at most"
    lines = [TerminalLine(label, value.coverage, note)]
    if value.achieved_risk is not None:
        lines.append(TerminalLine("  wrong among those", value.achieved_risk))
    return lines


def page_section(value: Abstention, context: PageContext) -> Section:
    """Describe it below the risk–coverage curve, on which `reliability` marks it."""
    return Section("How sure it is", (Note(_describe(value)),))


def _describe(value: Abstention) -> str:
    within = f"To keep wrong answers within {value.risk:.1%}, `ask`"
    if value.threshold > 1:
        return f'{within} is always "not sure": no probability was enough on validation.'
    says = (
        f'says "not sure" below a probability of {value.threshold:.1%}'
        if value.threshold > 0
        else "need never be unsure"
    )
    here = f"here {value.coverage:.1%}"
    if value.achieved_risk is not None:
        here += f", {value.achieved_risk:.1%} of them wrongly (the ring on the curve)"
    return (
        f"{within} {says}, as the validation questions taught: it answers "
        f"{value.valid_coverage:.1%} of those, and {here}."
    )
