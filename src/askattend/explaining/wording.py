"""An explanation in words, as terminal and page say it."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float

from askattend.attribution.maps import METHODS
from askattend.explaining.explanation import ByMethod
from askattend.metrics.map_agreement import positive_shares
from askattend.runs.map_description import describe_map

NONE = "–"


def method_name(order: str) -> str:
    """Name a method, or the random order of regions."""
    return METHODS.get(order, "Random order")


def on_image(values: Float[np.ndarray, "rows columns"]) -> Float[np.ndarray, "rows columns"] | None:
    """Scale what is above 0 of a map to sum to 1; None where nothing is."""
    found = positive_shares(values.reshape(1, -1))
    return None if np.isnan(found).any() else found.reshape(values.shape)


def where_it_lies(values: Float[np.ndarray, "rows columns"]) -> str:
    """Describe a map by what of it is above 0, as `describe_map` does."""
    found = on_image(values)
    if found is None:
        return "no region speaks for the answer"
    return describe_map(torch.from_numpy(found))


def change(drop: float) -> str:
    """Say which way a probability goes: ``"falls by 4.1 points"``."""
    points = f"{100 * abs(drop):.1f}"
    if not float(points):
        return "stays the same"
    return f"{'falls' if drop > 0 else 'rises'} by {points} points"


def points(drop: float) -> str:
    """Write how a probability changes in percentage points: ``"-4.1"``, ``"+0.3"`` or ``"0.0"``."""
    written = f"{-100 * drop:+.1f}"
    return written if float(written) else "0.0"


def number(value: float | None) -> str:
    """Write a correlation or a distance; a dash where there is none."""
    return NONE if value is None else f"{round(value, 2) + 0.0:.2f}"  # no -0.00


def numbers(values: ByMethod) -> tuple[str, ...]:
    """Write a value a method."""
    return tuple(map(number, values.values()))


def tenth(removed: tuple[int, ...]) -> str:
    """Name the first tenth: ``"5 of 49 regions"``."""
    return f"{removed[1]} of {removed[-1]:,} regions"
