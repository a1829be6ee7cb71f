"""Removal: whether an answer hangs on the regions that were attended to."""

from __future__ import annotations

from collections.abc import Sequence

from askattend.attribution.removal import remove_regions
from askattend.evaluation.evaluate import Evaluated
from askattend.evaluation.figures.grounding import named_maps, ratio_text, times
from askattend.evaluation.section import (
    Axis,
    Chart,
    Line,
    Note,
    PageContext,
    Section,
    Table,
    TerminalLine,
)
from askattend.metrics.removal import Removal, RemovalScores
from askattend.metrics.significance import Estimate

# An answer's probability at each step, by attention and at random.
_Curves = tuple[Sequence[float], Sequence[float]]


def measure(evaluated: Evaluated) -> Removal | None:
    """Measure it on a sample of the questions; None where the network does not attend."""
    model = evaluated.predictor.model
    if not model.attends:
        return None
    found = remove_regions(model, evaluated.sample, temperature=evaluated.temperature)
    return None if found is None else found.over_all()


def terminal_lines(value: Removal) -> list[TerminalLine]:
    """Say by how much the answer's probability changes without the most attended tenth."""
    mean = value.mean or value.maps[0]
    ratio = f", {times(mean.times_random)} random" if mean.times_random else ""
    return [
        TerminalLine(
            "probability without attended tenth", None, f"{change_text(mean.drop)}{ratio}"
        ),
        TerminalLine("  without a random tenth", None, change_text(value.random.drop)),
    ]


def change_text(drop: Estimate) -> str:
    """Say which way a probability goes: ``"falls by 4.1 points (95 %: 3.2 to 5.0)"``.

    An interval on both sides of 0 has signs: ``"rises by 0.2 points (95 %: -0.4 to +0.8)"``.
    """
    falls = drop.value >= 0
    sign = 1 if falls else -1
    ends = sorted(100 * sign * end + 0.0 for end in drop.interval)
    form = "+.1f" if ends[0] < 0 < ends[1] else ".1f"
    low, high = (_unsigned(f"{end:{form}}") for end in ends)
    points = f"{100 * abs(drop.value):.1f}"
    moves = f"{'falls' if falls else 'rises'} by {points} points"
    return f"{moves if float(points) else 'stays the same'} (95 %: {low} to {high})"


def _unsigned(number: str) -> str:
    """Take the sign off a zero."""
    return number if float(number) else number.lstrip("+-")


def page_section(value: Removal, context: PageContext) -> Section:
    """Show a row an order, and the curves of the mean map beside random order."""
    rows = [_row(*row) for row in named_maps(value.maps, value.mean, context.maps_name)]
    rows.append(_row("Random order", value.random))
    columns = (
        "Most attended first",
        "Without a tenth, it",
        "× random",
        "Deletion area",
        "Insertion area",
    )
    table = Table(columns, tuple(rows), "Does the answer hang on it?")
    return Section("Does attention matter?", (table, *_charts(value), _note(value)))


def _row(name: str, scores: RemovalScores) -> tuple[str, ...]:
    drop, areas = scores.drop, (scores.deletion_area, scores.insertion_area)
    return (name, change_text(drop), ratio_text(scores.times_random), *map(_area, areas))


def _area(area: Estimate) -> str:
    return f"{area.value:.3f} ({area.interval[0]:.3f}–{area.interval[1]:.3f})"


def _note(value: Removal) -> Note:
    tenth = value.removed[1]
    regions = "region" if tenth == 1 else f"{tenth} regions"
    return Note(
        f"It is the answer's probability, in percentage points, without the first {regions} of "
        f"{value.regions}, whose features become zero. Areas: under the curves of deletion "
        f"(less is better) and insertion (more is better). Means over {value.questions:,} "
        f"questions drawn from the split; in brackets 95 % by images. "
        "The charts follow the mean map."
    )


def _charts(value: Removal) -> list[Chart]:
    best, random = value.mean or value.maps[0], value.random
    deletion, insertion = (best.deletion, random.deletion), (best.insertion, random.insertion)
    return removal_charts(value.removed, deletion, insertion)


def removal_charts(removed: Sequence[int], deletion: _Curves, insertion: _Curves) -> list[Chart]:
    """Draw curves of deletion and insertion, each by attention beside random order.

    Args:
        removed: how many regions are gone at each step of a deletion, from 0 to all.
        deletion: the answer's probability at each step, by attention and at random.
        insertion: the same while regions are put back.
    """
    restored = [removed[-1] - count for count in reversed(removed)]
    return [
        _chart("taken away", removed, *deletion),
        _chart("put back", restored, *insertion),
    ]


def _chart(
    done: str, counts: Sequence[int], attended: Sequence[float], random: Sequence[float]
) -> Chart:
    shares = [count / counts[-1] for count in counts]
    points = tuple(zip(shares, attended, strict=True))
    tips = tuple(f"{share:.0%} of the regions: {probability:.1%}" for share, probability in points)
    lines = (
        Line("at random", tuple(zip(shares, random, strict=True)), reference=True),
        Line("by attention", points, tips),
    )
    y = Axis("probability of the answer")
    return Chart(f"Regions {done}", lines, Axis(f"share of the regions {done}"), y)
