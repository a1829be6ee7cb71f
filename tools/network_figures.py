"""Draw a figure of each network for the docs, sizes as its settings have them.

Usage: python tools/network_figures.py [--out docs]
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from matplotlib.path import Path as Outline

from askattend.models import SAAAConfig, SANConfig

ROOT = Path(__file__).resolve().parents[1]
BLUE, GREEN, ORANGE, GREY = "#dbe9f6", "#dff0df", "#fde6cc", "#ececec"
WIDTH, HEIGHT = 2.5, 0.8  # of a box, inches
LANE = 0.12  # of a line around boxes, from their side, inches
Point = tuple[float, float]


@dataclass(frozen=True)
class Box:
    """A step of a network.

    Attributes:
        title: what it is.
        text: its equation, and the shape of what comes out.
        column, row: where it stands; row 0 is on top.
        colour: of the image's, the question's, or both's half.
        sources: the titles that arrows come from.
    """

    title: str
    text: str
    column: float
    row: float
    colour: str
    sources: tuple[str, ...] = ()


def saaa(config: SAAAConfig) -> list[Box]:
    """Return the steps of SAAA."""
    c, d, s = config.glimpses, config.attention_dim, config.question_dim
    return [
        Box("picture", "448 × 448 pixels", 0, 0, GREY),
        Box("regions v̂", "14 × 14 × 2048, each of length 1", 0, 1, BLUE, ("picture",)),
        Box("image's part", f"W_v v̂: 196 × {d}", 0, 2, BLUE, ("regions v̂",)),
        Box("question", "word by word", 2, 0, GREY),
        Box("embedding", f"tanh(E q): words × {config.embedding_dim}", 2, 1, GREEN, ("question",)),
        Box("LSTM's cell s", f"{s} numbers", 2, 2, GREEN, ("embedding",)),
        Box(
            "attention F",
            f"W_x ReLU(W_v v̂ + W_q s + b)\n{c} scores a region",
            1,
            3,
            ORANGE,
            ("image's part", "LSTM's cell s"),
        ),
        Box("maps α", f"softmax over regions: {c} × 196", 1, 4, ORANGE, ("attention F",)),
        Box("glimpses x", f"Σ α v̂: {c} × 2048", 0, 5, ORANGE, ("maps α", "regions v̂")),
        Box("joined [x, s]", f"{c} · 2048 + {s}", 1, 6, ORANGE, ("glimpses x", "LSTM's cell s")),
        Box("classifier", f"ReLU, {config.hidden_dim} wide", 1, 7, ORANGE, ("joined [x, s]",)),
        Box("answers", "softmax: a probability each", 1, 8, GREY, ("classifier",)),
    ]


def san(config: SANConfig) -> list[Box]:
    """Return the steps of SAN."""
    d, k = config.width, config.attention_dim
    boxes = [
        Box("picture", "448 × 448 pixels", 0, 0, GREY),
        Box("regions f", "14 × 14 × 512", 0, 1, BLUE, ("picture",)),
        Box("v", f"tanh(W_I f + b): 196 × {d}", 0, 2, BLUE, ("regions f",)),
        Box("question", "word by word", 2, 0, GREY),
        Box("embedding", f"E q: words × {config.embedding_dim}", 2, 1, GREEN, ("question",)),
        Box("u⁰", f"LSTM's state: {d} numbers", 2, 2, GREEN, ("embedding",)),
    ]
    for hop in range(1, config.hops + 1):
        raised = "⁰¹²³⁴⁵⁶⁷⁸⁹"[hop]
        before, row = f"u{'⁰¹²³⁴⁵⁶⁷⁸⁹'[hop - 1]}", 2 * hop + 1
        boxes += [
            Box(
                f"hop {hop}: map p{raised}",
                f"p = softmax(W_P tanh(W v + W u + b))\n{k} wide; ṽ = Σ p v",
                1,
                row,
                ORANGE,
                ("v", before),
            ),
            Box(
                f"u{raised}",
                f"ṽ + {before}: {d} numbers",
                2,
                row + 1,
                ORANGE,
                (f"hop {hop}: map p{raised}", before),
            ),
        ]
    last = boxes[-1].title
    boxes.append(Box("answers", f"softmax(W {last} + b)", 2, 2 * config.hops + 3, GREY, (last,)))
    return boxes


def draw(boxes: list[Box], out: Path) -> None:
    """Write a figure of boxes and arrows as SVG, the same bytes each time."""
    columns, rows = 3 * (WIDTH + 0.5), max(box.row for box in boxes) + 1
    figure = Figure(figsize=(columns, rows * (HEIGHT + 0.35)))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, columns), ylim=(-rows * (HEIGHT + 0.35), 0))
    axes.axis("off")
    middle = {
        box.title: (
            (box.column + 0.5) * (WIDTH + 0.5),
            -(box.row + 0.5) * (HEIGHT + 0.35),
        )
        for box in boxes
    }
    for box in boxes:
        for source in box.sources:
            others = [place for title, place in middle.items() if title not in (source, box.title)]
            arrow(axes, route(middle[source], middle[box.title], others))
    for box in boxes:
        x, y = middle[box.title]
        corner = (x - WIDTH / 2, y - HEIGHT / 2)
        style = "round,pad=0,rounding_size=0.08"
        axes.add_patch(
            FancyBboxPatch(
                corner, WIDTH, HEIGHT, boxstyle=style, fc=box.colour, ec="#555555", zorder=2
            )
        )
        two_lines = "\n" in box.text
        axes.text(
            x,
            y + (0.24 if two_lines else 0.15),
            box.title,
            ha="center",
            va="center",
            zorder=3,
            weight="bold",
        )
        axes.text(
            x,
            y - (0.12 if two_lines else 0.16),
            box.text,
            ha="center",
            va="center",
            zorder=3,
            size=8.5,
        )
    with matplotlib.rc_context(
        {"svg.hashsalt": "askattend", "svg.fonttype": "none", "font.family": "sans-serif"}
    ):
        figure.savefig(out, metadata={"Date": None}, facecolor="white")


def route(start: Point, end: Point, others: list[Point]) -> list[Point]:
    """Lead an arrow from one box to another: straight, or where a box is in the way, around it.

    Args:
        start: the middle of the box that it comes from.
        end: and of the one that it leads to.
        others: the middles of the other boxes.
    """
    side = WIDTH / 2 if end[0] < start[0] else -WIDTH / 2
    below, beside = (start[0], start[1] - HEIGHT / 2), (end[0] + side, end[1])
    above = (end[0], end[1] + HEIGHT / 2)
    straight = [below, above if abs(start[0] - end[0]) < 0.1 else beside]
    if not any(crosses(straight, other) for other in others):
        return straight
    lane = start[0] + (side + LANE if side > 0 else side - LANE)
    return [(start[0] + side, start[1]), (lane, start[1]), (lane, end[1]), beside]


def crosses(line: list[Point], box: Point) -> bool:
    """Return True if a straight line runs through a box."""
    points = np.linspace(*line, 200)
    return bool((abs(points - box) < (WIDTH / 2, HEIGHT / 2)).all(axis=1).any())


def arrow(axes: matplotlib.axes.Axes, points: list[Point]) -> None:
    """Draw an arrow along some points."""
    style = {"arrowstyle": "-|>", "mutation_scale": 10, "color": "#555555", "zorder": 1}
    axes.add_patch(FancyArrowPatch(path=Outline(points), **style))


def main() -> None:
    """Draw both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "docs")
    out = parser.parse_args().out
    for name, boxes in (("saaa", saaa(SAAAConfig())), ("san", san(SANConfig()))):
        draw(boxes, out / f"{name}.svg")


if __name__ == "__main__":
    main()
