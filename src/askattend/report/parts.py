"""Pieces of the page that several sections use."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from askattend.metrics.breakdown import GroupAccuracy


def track(value: float, interval: tuple[float, float] | None = None) -> str:
    """A bar of a share, 0 to 1, with a whisker for its interval."""
    width = f"{100 * min(max(value, 0.0), 1.0):.1f}%"
    whisker = ""
    if interval is not None:
        low, high = (100 * min(max(end, 0.0), 1.0) for end in interval)
        whisker = f'<span class="whisker" style="left:{low:.1f}%;width:{high - low:.1f}%"></span>'
    fill = f'<span class="fill" style="width:{width}"></span>'
    return f'<span class="track" aria-hidden="true">{fill}{whisker}</span>'


def share_table(heading: str, shares: Iterable[tuple[str, GroupAccuracy]]) -> str:
    """A table of kinds of question: how many, and how many of them were right."""
    rows = "".join(
        f'<tr class="own"><th scope="row">{escape(name)}</th>'
        f'<td class="number">{share.questions:,}</td><td class="number">{share.accuracy:.1%}</td>'
        f'<td class="number muted">{share.interval[0]:.0%}–{share.interval[1]:.0%}</td>'
        f'<td class="wide">{track(share.accuracy, share.interval)}</td></tr>'
        for name, share in shares
    )
    return f"""<div class="card table shares"><table>
<thead><tr><th scope="col">{escape(heading)}</th><th scope="col" class="number">Questions</th>
<th scope="col" class="number">Accuracy</th><th scope="col" class="number">95 %</th>
<th class="wide" aria-hidden="true"></th></tr></thead>
<tbody>{rows}</tbody></table></div>"""


def figures_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of figures: the first column names each row."""
    head = "".join(
        f'<th scope="col"{" class=number" if place else ""}>{escape(name)}</th>'
        for place, name in enumerate(columns)
    )
    body = "".join(
        f'<tr><th scope="row">{escape(row[0])}</th>'
        + "".join(f'<td class="number">{escape(cell)}</td>' for cell in row[1:])
        + "</tr>"
        for row in rows
    )
    return (
        f'<div class="card table" tabindex="0"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )
