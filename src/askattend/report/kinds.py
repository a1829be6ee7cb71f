"""Accuracy by kind of question, and whether answers that belong together agree."""

from __future__ import annotations

from collections.abc import Mapping

from askattend.evaluation.evaluate import Metrics
from askattend.metrics.breakdown import GroupAccuracy
from askattend.report.parts import share_table

MOST = 20


def kinds(metrics: Metrics) -> str:
    """The sections, as far as the split tells kinds of question."""
    sections = [
        _section("By type of answer", "Answers", metrics.by_answer_type),
        _section("By type of question", "Questions that ask", metrics.by_question_type),
        _section("By length of question", "Length", metrics.by_question_length, sort=False),
        _consistency(metrics),
    ]
    return "".join(sections)


def _section(
    title: str, heading: str, shares: Mapping[str, GroupAccuracy], *, sort: bool = True
) -> str:
    """The most frequent kinds first; where there are many, the rare ones are left to the JSON."""
    if not shares:
        return ""
    rows = list(shares.items())
    if sort:
        rows.sort(key=lambda row: -row[1].questions)
    left_out = len(rows) - MOST
    note = (
        f'<p class="muted note">{left_out} rarer kinds are in metrics.json.</p>'
        if left_out > 0
        else ""
    )
    return f"<section><h2>{title}</h2>{share_table(heading, rows[:MOST])}{note}</section>"


def _consistency(metrics: Metrics) -> str:
    lines = []
    if (pairs := metrics.pairs) is not None:
        lines.append(
            f"<p><b>{pairs.both_right:.1%}</b> of {pairs.pairs:,} complementary pairs (one "
            f"question about two pictures, with different answers) have both right; "
            f"{pairs.same_answer:.1%} got the same answer twice.</p>"
        )
    if (wordings := metrics.wordings) is not None:
        lines.append(
            f"<p><b>{wordings.agreement:.1%}</b>: how often two wordings of one meaning got the "
            f"same answer, over {wordings.meanings:,} meanings; {wordings.all_right:.1%} of the "
            f"meanings were answered rightly in every wording.</p>"
        )
    if not lines:
        return ""
    return f'<section><h2>Consistency</h2><div class="card prose">{"".join(lines)}</div></section>'
