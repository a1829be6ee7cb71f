"""Charts as pieces of SVG: matplotlib lays them out, the page's style sheet colours them."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from xml.etree import ElementTree

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from askattend.evaluation.section import Axis, Chart, Line

WIDTH, HEIGHT = 460, 260  # of the view, in its own units
LEFT, RIGHT, TOP, BOTTOM = 56, 446, 10, 212  # of the plot within it
_SVG = "{http://www.w3.org/2000/svg}"
_SHARE = re.compile(r"\{:\.(\d)%\}")  # a label that writes a share


@dataclass(frozen=True)
class Path:
    """A line of a drawing: its class in the style sheet, and where it runs."""

    kind: str
    data: str


@dataclass(frozen=True)
class Circle:
    """A point of a drawing, with what it says where the pointer rests on it."""

    kind: str
    x: float
    y: float
    radius: float
    tip: str


@dataclass(frozen=True)
class Label:
    """A text of a drawing; `anchor` is the end of it that lies at x, as SVG names it."""

    x: float
    y: float
    anchor: str
    text: str


@dataclass(frozen=True)
class Drawing:
    """A chart laid out in a view.

    Attributes:
        width: of the view.
        height: of the view.
        paths: grid, lines and vertical marks.
        circles: points and rings, above the lines.
        labels: of the axes.
        spoken: what a screen reader says of it.
    """

    width: int
    height: int
    paths: tuple[Path, ...]
    circles: tuple[Circle, ...]
    labels: tuple[Label, ...]
    spoken: str


def draw(chart: Chart) -> Drawing:
    """Lay out a chart."""
    lines = [_finite(line) for line in chart.lines]
    tips = [tip for line in lines for tip in line.tips] + [mark.text for mark in chart.marks]
    # Without simplification every point is there to be read.
    with matplotlib.rc_context({"svg.fonttype": "none", "path.simplify": False, "font.size": 12}):
        root = ElementTree.fromstring(_svg(chart, lines))
    return Drawing(
        WIDTH,
        HEIGHT,
        tuple(_paths(root)),
        tuple(_circles(root, tips)),
        (*_labels(root), Label(RIGHT, BOTTOM + 43, "end", chart.x.name)),
        _spoken(chart),
    )


def line_kind(line: Line) -> str:
    """Name a line's class in the style sheet."""
    return "reference" if line.reference else "measured"


def _finite(line: Line) -> Line:
    """Leave out the points that are not finite, and their tips."""
    known = [index for index, point in enumerate(line.points) if all(map(math.isfinite, point))]
    points = tuple(line.points[index] for index in known)
    tips = tuple(line.tips[index] for index in known) if line.tips else ()
    return Line(line.name, points, tips, line.reference)


def _svg(chart: Chart, lines: Sequence[Line]) -> str:
    """Draw with matplotlib; what is drawn is known by its group's id, which is its class."""
    figure = Figure(figsize=(WIDTH / 72, HEIGHT / 72), dpi=72)
    FigureCanvasSVG(figure)
    size = ((RIGHT - LEFT) / WIDTH, (BOTTOM - TOP) / HEIGHT)
    axes = figure.add_axes((LEFT / WIDTH, 1 - BOTTOM / HEIGHT, *size))
    _scale(axes, chart, lines)
    for mark in chart.marks:
        if mark.vertical:
            axes.axvline(mark.x, gid="vertical")
    for line in lines:
        axes.plot(*_columns(line.points), gid=f"curve {line_kind(line)}", clip_on=False)
    for line in lines:
        if line.tips:
            _dots(axes, line.points, f"dot {line_kind(line)}")
    if chart.marks:
        _dots(axes, [(mark.x, mark.y) for mark in chart.marks], "ring")
    out = io.StringIO()
    figure.savefig(out, format="svg", metadata={"Date": None})
    return out.getvalue()


def _columns(points: Sequence[tuple[float, float]]) -> tuple[list[float], list[float]]:
    return [x for x, _ in points], [y for _, y in points]


def _dots(axes: Axes, points: Sequence[tuple[float, float]], kind: str) -> None:
    axes.plot(*_columns(points), linestyle="", marker="o", gid=kind, clip_on=False)


def _scale(axes: Axes, chart: Chart, lines: Sequence[Line]) -> None:
    """Set ends, labels and grid of both axes."""
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.tick_params(length=0, pad=8)
    axes.tick_params(axis="x", pad=10)
    axes.grid(axis="y", gid="grid")
    xs, ys = _columns([point for line in lines for point in line.points])
    left, right, across = _ticks(chart.x, xs)
    bottom, top, upright = _ticks(chart.y, ys)
    axes.set(xlim=(left, right), ylim=(bottom, top))
    axes.set_xticks(across, _written(chart.x, across))
    axes.set_yticks(upright, _written(chart.y, upright))


def _written(axis: Axis, ticks: Sequence[float]) -> list[str]:
    """Write an axis's labels, shares with as many digits as tell each what it is."""
    exact = (n for n in range(5) if all(abs(round(v, n + 2) - v) < 1e-9 for v in ticks))
    digits = next(exact, 0)
    label = _SHARE.sub(lambda least: f"{{:.{max(digits, int(least[1]))}%}}", axis.label)
    return [label.format(tick) for tick in ticks]


def _ticks(axis: Axis, values: Sequence[float]) -> tuple[float, float, list[float]]:
    """Choose the ends of an axis, and the round values to label on it."""
    low, high = axis.low, axis.high
    if axis.zoom:
        low, high = min(values, default=0.0), max(values, default=0.0)
        # Not so close together that labels would be long.
        middle, half = (low + high) / 2, max((high - low) / 2, 0.05 * high, 0.05)
        low, high = max(middle - half, axis.low), min(middle + half, axis.high)
        ticks = [float(v) for v in MaxNLocator(4, steps=[1, 2, 5, 10]).tick_values(low, high)]
        return ticks[0], ticks[-1], ticks
    if low == high:
        return low - 1, high + 1, [low]
    locator = MaxNLocator(7, integer=True) if axis.integer else MaxNLocator(4)
    return low, high, [float(v) for v in locator.tick_values(low, high) if low <= v <= high]


def _paths(root: ElementTree.Element) -> Iterator[Path]:
    for group in root.iter(f"{_SVG}g"):
        kind = group.get("id", "")
        if kind.partition(" ")[0] in ("grid", "vertical", "curve"):
            for path in group.findall(f"{_SVG}path"):
                yield Path(kind, " ".join(path.get("d", "").split()))


def _circles(root: ElementTree.Element, tips: Sequence[str]) -> Iterator[Circle]:
    left = iter(tips)
    for group in root.iter(f"{_SVG}g"):
        kind = group.get("id", "")
        if kind.partition(" ")[0] in ("dot", "ring"):
            points = group.findall(f"{_SVG}g/{_SVG}use")
            radius = _radius(kind, len(points))
            for point in points:
                yield Circle(kind, _number(point, "x"), _number(point, "y"), radius, next(left))


def _radius(kind: str, points: int) -> float:
    """Choose a radius, smaller the more points there are."""
    if kind == "ring":
        return 4.5
    return 3 if points < 16 else 2 if points < 60 else 1


def _labels(root: ElementTree.Element) -> Iterator[Label]:
    for text in root.iter(f"{_SVG}text"):
        anchor = text.get("style", "").rpartition("text-anchor: ")[2]
        yield Label(_number(text, "x"), _number(text, "y"), anchor, text.text or "")


def _number(element: ElementTree.Element, name: str) -> float:
    return round(float(element.get(name, "nan")), 1)


def _spoken(chart: Chart) -> str:
    label = chart.y.label.format
    lines = [
        f"{line.name} from {label(line.points[0][1])} to {label(line.points[-1][1])}"
        for line in chart.lines
    ]
    marks = [f"marked: {mark.text}" for mark in chart.marks]
    return f"{chart.y.name} by {chart.x.name}: {'; '.join(lines + marks)}"
