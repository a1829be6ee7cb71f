"""Learning curves as inline SVG; colours come from the style sheet of the page around them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from matplotlib.ticker import MaxNLocator

LEFT, RIGHT, TOP, BOTTOM = 56, 446, 10, 212  # of the plot, in a view of 460 × 254
Label = Callable[[float], str]


@dataclass(frozen=True)
class Curve:
    """A quantity by epoch.

    Attributes:
        name: for the legend.
        kind: class in the style sheet: ``"train"`` or ``"valid"``.
        values: one for each epoch; those that are not finite are left out.
    """

    name: str
    kind: str
    values: Sequence[float]


@dataclass(frozen=True)
class _Axes:
    """Where an epoch and a value lie in the view."""

    first: int
    last: int
    levels: Sequence[float]

    def x(self, epoch: int) -> float:
        if self.first == self.last:
            return (LEFT + RIGHT) / 2
        return LEFT + (RIGHT - LEFT) * (epoch - self.first) / (self.last - self.first)

    def y(self, value: float) -> float:
        low, high = self.levels[0], self.levels[-1]
        return BOTTOM - (BOTTOM - TOP) * (value - low) / (high - low)


def chart(
    name: str,
    curves: Sequence[Curve],
    *,
    epochs: Sequence[int],
    best: int,
    label: Label,
    most: float = math.inf,
) -> str:
    """A figure with a legend, the curves, and a mark at the best epoch.

    Args:
        name: its heading.
        curves: at least one.
        epochs: at least one, rising.
        best: the epoch to mark.
        label: a value as it is to be read.
        most: the greatest value that there can be; the least is 0.
    """
    finite = [v for curve in curves for v in curve.values if math.isfinite(v)] or [0.0]
    axes = _Axes(epochs[0], epochs[-1], _levels(finite, most))
    mark = f'<path class="best" d="M{axes.x(best):.1f} {TOP}V{BOTTOM}"/>'
    drawn = "".join(_curve(curve, axes, epochs, best, label) for curve in curves)
    spoken = "; ".join(
        f"{curve.name} from {label(curve.values[0])} to {label(curve.values[-1])}"
        for curve in curves
    )
    return (
        f'<figure class="card chart"><figcaption><b>{name}</b>{_legend(curves)}</figcaption>\n'
        f'<svg viewBox="0 0 460 254" role="img" aria-label="{name} by epoch: {spoken}">'
        f"{_scales(axes, label)}{mark}{drawn}</svg></figure>"
    )


def _levels(values: Sequence[float], most: float) -> list[float]:
    """Round numbers around the values, not so close together that their labels would be long."""
    low, high = min(values), max(values)
    middle, half = (low + high) / 2, max((high - low) / 2, 0.05 * high, 0.05)
    low, high = max(middle - half, 0.0), min(middle + half, most)
    return [float(v) for v in MaxNLocator(4, steps=[1, 2, 5, 10]).tick_values(low, high)]


def _scales(axes: _Axes, label: Label) -> str:
    lines = [
        f'<path class="grid" d="M{LEFT} {axes.y(level):.1f}H{RIGHT}"/>'
        f'<text x="{LEFT - 8}" y="{axes.y(level) + 4:.1f}" text-anchor="end">{label(level)}</text>'
        for level in axes.levels
    ]
    ticks = MaxNLocator(7, integer=True).tick_values(axes.first, axes.last)
    shown = [int(tick) for tick in ticks if axes.first <= tick <= axes.last and tick == int(tick)]
    lines += [
        f'<text x="{axes.x(tick):.1f}" y="{BOTTOM + 19}" text-anchor="middle">{tick}</text>'
        for tick in shown
    ]
    return "".join(lines) + f'<text x="{RIGHT}" y="{BOTTOM + 39}" text-anchor="end">epoch</text>'


def _curve(curve: Curve, axes: _Axes, epochs: Sequence[int], best: int, label: Label) -> str:
    points = [(e, v) for e, v in zip(epochs, curve.values, strict=True) if math.isfinite(v)]
    path = " ".join(f"{axes.x(epoch):.1f},{axes.y(value):.1f}" for epoch, value in points)
    dots = []
    for epoch, value in points:
        ring = epoch == best and curve.kind == "valid"
        shape = "ring" if ring else f"dot {curve.kind}"
        radius = 4.5 if ring else 2 if len(points) < 60 else 1
        tip = f"epoch {epoch}, {curve.name}: {label(value)}{', best' if ring else ''}"
        dots.append(
            f'<circle class="{shape}" cx="{axes.x(epoch):.1f}" cy="{axes.y(value):.1f}" '
            f'r="{radius}"><title>{tip}</title></circle>'
        )
    return f'<polyline class="curve {curve.kind}" points="{path}"/>{"".join(dots)}'


def _legend(curves: Sequence[Curve]) -> str:
    return "".join(
        '<span><svg class="key" viewBox="0 0 22 6" aria-hidden="true">'
        f'<path class="curve {curve.kind}" d="M1 3H21"/></svg>{curve.name}</span>'
        for curve in curves
    )


@dataclass(frozen=True)
class Line:
    """Points of a quantity against another, both shares from 0 to 1.

    Attributes:
        name: for the legend.
        kind: class in the style sheet: ``"train"`` or ``"valid"``.
        points: from left to right.
        dots: whether each point is marked.
    """

    name: str
    kind: str
    points: Sequence[tuple[float, float]]
    dots: bool = False


@dataclass(frozen=True)
class Mark:
    """A point that stands out, with what is said about it."""

    x: float
    y: float
    text: str


def xy_chart(name: str, lines: Sequence[Line], *, x: str, y: str, mark: Mark | None = None) -> str:
    """A figure with a legend and lines over the unit square.

    Args:
        name: its heading.
        lines: at least one.
        x: what lies along it.
        y: what stands upright; it is in the description, the heading says it to those who see.
        mark: a point to mark.
    """
    drawn = "".join(_line(line) for line in lines) + _mark(mark)
    spoken = "; ".join(
        f"{line.name} from {line.points[0][1]:.0%} to {line.points[-1][1]:.0%}" for line in lines
    ) + ("" if mark is None else f"; marked: {mark.text}")
    return (
        f'<figure class="card chart"><figcaption><b>{name}</b>'
        f"{_legend([Curve(line.name, line.kind, ()) for line in lines])}</figcaption>\n"
        f'<svg viewBox="0 0 460 254" role="img" aria-label="{y} by {x}: {spoken}">'
        f"{_unit_scales(x)}{drawn}</svg></figure>"
    )


def _across(share: float) -> float:
    return LEFT + (RIGHT - LEFT) * share


def _up(share: float) -> float:
    return BOTTOM - (BOTTOM - TOP) * share


def _unit_scales(x: str) -> str:
    quarters = (0.0, 0.25, 0.5, 0.75, 1.0)
    lines = [
        f'<path class="grid" d="M{LEFT} {_up(level):.1f}H{RIGHT}"/>'
        f'<text x="{LEFT - 8}" y="{_up(level) + 4:.1f}" text-anchor="end">{level:.0%}</text>'
        f'<text x="{_across(level):.1f}" y="{BOTTOM + 19}" text-anchor="middle">{level:.0%}</text>'
        for level in quarters
    ]
    return "".join(lines) + f'<text x="{RIGHT}" y="{BOTTOM + 39}" text-anchor="end">{x}</text>'


def _line(line: Line) -> str:
    path = " ".join(f"{_across(a):.1f},{_up(b):.1f}" for a, b in line.points)
    dots = "".join(
        f'<circle class="dot {line.kind}" cx="{_across(a):.1f}" cy="{_up(b):.1f}" r="3">'
        f"<title>{a:.1%}: {b:.1%}</title></circle>"
        for a, b in (line.points if line.dots else ())
    )
    return f'<polyline class="curve {line.kind}" points="{path}"/>{dots}'


def _mark(mark: Mark | None) -> str:
    if mark is None:
        return ""
    return (
        f'<circle class="ring" cx="{_across(mark.x):.1f}" cy="{_up(mark.y):.1f}" r="5">'
        f"<title>{mark.text}</title></circle>"
    )
