"""A search as a picture: what each candidate came to, and when."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from askattend.experiment.search.halving import RECIPE, Rung
from askattend.experiment.search.standings import Standing, standings
from askattend.experiment.search.trials import Trials

# Those of the report's page, in light.
INK, MUTED, LINE, ACCENT, REFERENCE = "#1a1d23", "#5b6270", "#e1e4ea", "#2158c9", "#6b7484"
_RUNGS = ("#b9c9ee", "#6f93dd", ACCENT)

# Characters of the title that the picture has room for.
_TITLE = 80


def search_png(trials: Trials, rungs: Sequence[Rung], winner: int) -> bytes:
    """Draw accuracy by time: a point for each candidate and rung, the recipe's as squares."""
    figure = Figure(figsize=(9.2, 5.0), dpi=120, facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0.1, 0.14, 0.87, 0.68))
    found = [s for s in standings(trials, rungs) if s.complete]
    _style(axes)
    axes.set_xlim(0, trials.budget / 60)
    for number, rung in enumerate(rungs):
        _points(axes, [s for s in found if s.rung == number], number, _effort(rung))
    _mark_winner(axes, found, winner)
    axes.legend(loc="lower left", bbox_to_anchor=(-0.01, 1.0), ncols=5, frameon=False, fontsize=9)
    figure.text(0.1, 0.935, _title(trials, found, winner), color=INK, fontsize=12.5, weight="bold")
    out = io.BytesIO()
    figure.savefig(out, format="png")
    return out.getvalue()


def _style(axes: Axes) -> None:
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.grid(axis="y", color=LINE)
    axes.set_axisbelow(True)
    axes.tick_params(length=0, labelcolor=MUTED, labelsize=9)
    axes.xaxis.set_major_locator(MaxNLocator(7, steps=[1, 2, 5, 10]))
    axes.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{100 * share:.4g}%"))
    axes.set_xlabel("minutes of the budget", color=MUTED, fontsize=10)
    axes.set_ylabel("accuracy on validation", color=MUTED, fontsize=10)


def _points(axes: Axes, found: Sequence[Standing], number: int, label: str) -> None:
    colour = _RUNGS[number]
    for marker, group in (
        ("o", [s for s in found if s.candidate != RECIPE]),
        ("s", [s for s in found if s.candidate == RECIPE]),
    ):
        places = [s.at / 60 for s in group], [s.accuracy for s in group]
        axes.scatter(*places, s=46, color=colour, marker=marker, zorder=3)
    axes.scatter([], [], s=46, color=colour, label=label)


def _mark_winner(axes: Axes, found: Sequence[Standing], winner: int) -> None:
    axes.scatter([], [], s=46, color=REFERENCE, marker="s", label="the recipe")
    best = next((s for s in found if s.candidate == winner), None)
    if best is not None:
        place = [best.at / 60], [best.accuracy]
        axes.scatter(*place, s=170, facecolors="none", edgecolors=INK, zorder=4, label="chosen")


def _effort(rung: Rung) -> str:
    epochs = "all epochs" if rung.share == 1 else f"1/{round(1 / rung.share)} of the epochs"
    return epochs if rung.folds == 1 else f"{epochs}, {rung.folds} folds"


def _title(trials: Trials, found: Sequence[Standing], winner: int) -> str:
    tried = len({s.candidate for s in found})
    title = f"{tried} candidates; chosen: {winner} ({trials.changes(winner)})"
    return textwrap.shorten(title, _TITLE, placeholder=" …")
