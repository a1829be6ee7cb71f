"""Greys of more than 8 bits as 8 bits, so that their contrast is kept."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

# Greatest values of floats, of bytes, and of sensors of 10, 12, 14 and 16 bits.
_USUAL = (1.0, 255.0, 1023.0, 4095.0, 16383.0, 65535.0)
# Resampling overshoots the range of what it is given by so much of it at most.
OVERSHOOT = 0.1
# Floats that use less of a usual range than this are in another unit.
_LEAST_USED = 1 / 16
# Beyond this there is no measurement, but a mark for a missing one.
_MISSING = 1e30
# Hot pixels: so few at either end, beyond so many times the range of all others.
_FEW, _FAR = 0.001, 4.0
# Values that are scaled together, in numbers of 8 bytes.
_TOGETHER = 2**20

Range = tuple[float, float]


def eight_bit(values: npt.NDArray[Any]) -> tuple[npt.NDArray[np.uint8], Range]:
    """Scale greys to 0..255; values beyond the range are clipped, missing ones become black.

    Args:
        values: integers of any width, or floats.

    Returns:
        the greys, and the range that became 0..255; see `range_of`.
    """
    low, high = range_of(values)
    greys = np.empty(values.shape, np.uint8)
    rows = max(_TOGETHER // max(values[:1].size, 1), 1)
    for top in range(0, len(values), rows):
        exact = values[top : top + rows].astype(np.float64)
        there = np.where(present(exact), exact, low)
        scaled = (there.clip(low, high) - low) * (255.0 / ((high - low) or 1.0))
        greys[top : top + rows] = np.rint(scaled)
    return greys, (low, high)


def range_of(values: npt.NDArray[Any]) -> Range:
    """Return the range that greys are in, as far as their values tell.

    It is the smallest of the usual ones that holds all values, with some overshoot for floats:
    0..1 (floats alone), 0..255, 0..1023, 0..4095, 0..16383, 0..65535. Where there are values below,
    beyond or, in floats, far less, it is from the least to the greatest, hot pixels left out.
    """
    floats = values.dtype.kind == "f"
    finite = values[present(values)] if floats else values
    if not finite.size:
        return 0.0, 1.0
    low, high = _without_hot_pixels(finite)
    for bound in _USUAL if floats else _USUAL[1:]:
        over = OVERSHOOT * bound if floats else 0.0
        if -over <= low and high <= bound + over:
            too_little = floats and high < _LEAST_USED * bound
            return (low, high) if too_little else (0.0, bound)
    return low, high


def present(values: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """Mark the values that are numbers, and not a mark for a missing one."""
    with np.errstate(invalid="ignore"):
        # Not by `abs`, which would take as much memory as the values once more.
        present: npt.NDArray[np.bool_] = (values > -_MISSING) & (values < _MISSING)
    return present


def _without_hot_pixels(values: npt.NDArray[Any]) -> Range:
    low, high = float(values.min()), float(values.max())
    if low >= 0.0 and any(bound / _FAR <= high <= bound for bound in _USUAL):
        return low, high  # no need to sort them
    least, most = _quantiles(values, (_FEW, 1 - _FEW))
    far = high - low > _FAR * (most - least) > 0.0
    return (least, most) if far else (low, high)


def _quantiles(values: npt.NDArray[Any], shares: tuple[float, ...]) -> list[float]:
    """Return what `numpy.quantile` would of the values as float64, with one copy of them as they
    are.
    """
    places = [share * (values.size - 1) for share in shares]
    around = {min(int(place) + step, values.size - 1) for place in places for step in (0, 1)}
    ordered = values.flatten()
    ordered.partition(sorted(around))
    near = np.array([ordered[place] for place in sorted(around)], np.float64)
    return np.interp(places, sorted(around), near).tolist()
