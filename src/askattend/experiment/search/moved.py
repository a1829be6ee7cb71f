"""A search that goes on elsewhere than it was begun: the same data and files, under other paths."""

from __future__ import annotations

import copy
import os
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

# Settings that name a place; of the questions, their digest tells if they are the same.
_DATA = ("data",)
_PLACES = (_DATA, ("features",), ("vocab", "vectors"), ("extract", "backbone"))


def as_moved(
    tables: Mapping[str, Any], then: Mapping[str, Any], now: Mapping[str, Any]
) -> dict[str, Any]:
    """Return a candidate's settings with the places that its files lie in now.

    Args:
        tables: of the candidate.
        then: settings that the search started from.
        now: the same as somebody names them today. Where a file is gone from its place, and one of
            its name is named, it was moved.
    """
    found = copy.deepcopy(dict(tables))
    for place in _PLACES:
        was, is_now = _at(then, place), _at(now, place)
        if _at(tables, place) == was and _is_moved(place, was, is_now):
            inner = found if len(place) == 1 else found[place[0]]
            inner[place[-1]] = is_now
    return found


def _at(tables: Mapping[str, Any], place: tuple[str, ...]) -> Any:
    value: Any = tables
    for key in place:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def _is_moved(place: tuple[str, ...], was: Any, is_now: Any) -> bool:
    if was == is_now or not (isinstance(was, str) and isinstance(is_now, str)):
        return False
    if place == _DATA:
        return was.partition(":")[0] == is_now.partition(":")[0]
    gone = os.path.isabs(was) and not os.path.exists(was)
    return gone and PurePath(was).name == PurePath(is_now).name
