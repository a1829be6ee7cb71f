"""Accuracies that the documentation states, and whether others agree with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import msgspec
import tomli_w

DOCUMENTED = Path(__file__).resolve().parents[1] / "docs" / "accuracy.toml"
# Columns of the documentation's table; a preset without one has an empty cell.
FIGURES = ("accuracy", "WUPS 0.9", "WUPS 0.0", "pointing")


class Spread(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A figure over several seeds: mean, lowest and highest, in per cent."""

    mean: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Summarise one value a seed, each 0 to 1."""
        shown = (fmean(values), min(values), max(values))
        return cls(*(round(100 * value, 2) for value in shown))

    def __str__(self) -> str:
        return f"{self.mean:.1f} ({self.low:.1f} to {self.high:.1f})"


class Measured(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Figures of a preset on the test split.

    Attributes:
        seeds: how many trainings there were, of seeds 0, 1, …
        seconds: of one training and its evaluation, on average; see `timed`.
        machine: where.
        figures: each by its name.
        timed: what the seconds are of, in a sentence.
    """

    seeds: int
    seconds: float
    machine: str
    figures: dict[str, Spread]
    timed: str = ""


class Documented(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A preset, and what the documentation states of it.

    Attributes:
        network: that it trains.
        data: its source, where ``DIR`` stands for a folder.
        tolerance: how far another mean may be from the one stated, in points.
        measured: None where there is nothing to compare with yet.
    """

    network: str
    data: str
    tolerance: float
    measured: Measured | None = None


def read_documented(file: Path = DOCUMENTED) -> dict[str, Documented]:
    """Read what the documentation states: preset → figures."""
    return msgspec.toml.decode(file.read_bytes(), type=dict[str, Documented])


def compare(documented: Documented, measured: Measured) -> tuple[list[str], bool]:
    """Lay figures beside those that the documentation states.

    Returns:
        a line a figure; and True where all that is stated was measured within the tolerance, which
        it is where nothing is stated.
    """
    stated = {} if documented.measured is None else documented.measured.figures
    lines, agrees = [], True
    for name in dict.fromkeys((*stated, *measured.figures)):
        ours, theirs = measured.figures.get(name), stated.get(name)
        if theirs is None:
            verdict = "nothing to compare with yet"
        elif ours is None:
            verdict, agrees = f"{theirs} is stated, and was not measured", False
        else:
            near = abs(ours.mean - theirs.mean) <= documented.tolerance + 1e-9
            agrees = agrees and near
            verdict = f"stated {theirs}: {'agrees' if near else 'DIFFERS'}"
            verdict += f" (within {documented.tolerance:g} points)" if near else ""
        lines.append(f"{name:<10} {ours or '-'!s:<24} {verdict}")
    return lines, agrees


def measured_toml(preset: str, measured: Measured) -> str:
    """Write figures as the documentation's file has them."""
    tables: dict[str, Any] = {preset: {"measured": msgspec.to_builtins(measured)}}
    return tomli_w.dumps(tables)


def table(documented: Mapping[str, Documented]) -> str:
    """Write the documentation's table in Markdown."""
    head = ("preset", "source", *FIGURES, "tolerance", "seeds", "seconds a seed", "on")
    rows = [head, ("---",) * len(head)]
    rows += [(f"`{name}`", *_cells(preset)) for name, preset in documented.items()]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _cells(preset: Documented) -> tuple[str, ...]:
    measured = preset.measured
    if measured is None:
        figures, rest = ("not measured yet", *("",) * (len(FIGURES) - 1)), ("",) * 3
    else:
        figures = tuple(str(measured.figures.get(name, "")) for name in FIGURES)
        rest = (str(measured.seeds), f"{measured.seconds:.0f}", measured.machine)
    return (f"`{preset.data}`", *figures, f"{preset.tolerance:g} points", *rest)
