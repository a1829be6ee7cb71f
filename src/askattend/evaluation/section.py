"""Typed blocks that a figure is shown with; how they look is up to the terminal and the page.

All texts may be a user's own: whoever shows a block escapes them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from askattend.metrics.breakdown import GroupAccuracy


@dataclass(frozen=True)
class TerminalLine:
    """A figure in the terminal.

    Attributes:
        label: what it is; values stand below one another where it has at most 38 letters.
        value: a share, shown in per cent; None of what is no share, and stands in the note.
        note: what follows it.
    """

    label: str
    value: float | None
    note: str = ""


@dataclass(frozen=True)
class Table:
    """A table of figures, whose first column names each row.

    Attributes:
        columns: their headings.
        rows: as many texts each.
        title: its heading, where the section has several tables.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    title: str = ""


@dataclass(frozen=True)
class GroupTable:
    """Accuracy by group, with bars and intervals.

    Attributes:
        heading: what the groups are.
        rows: name and accuracy of each.
    """

    heading: str
    rows: tuple[tuple[str, GroupAccuracy], ...]


@dataclass(frozen=True)
class Prose:
    """A paragraph in a box; text between ``**`` is bold, between backticks it is code."""

    text: str


@dataclass(frozen=True)
class Note:
    """A paragraph in muted letters below something, with bold and code as in `Prose`."""

    text: str


@dataclass(frozen=True)
class Line:
    """A line of a chart.

    Attributes:
        name: for the legend.
        points: x and y, from left to right; those that are not finite are left out.
        tips: what each point says where the pointer rests on it; points without are not marked.
        reference: True for a line to compare with, which is dashed and grey.
    """

    name: str
    points: tuple[tuple[float, float], ...]
    tips: tuple[str, ...] = ()
    reference: bool = False


@dataclass(frozen=True)
class Mark:
    """A ring around a point that stands out.

    Attributes:
        x: where it is.
        y: where it is.
        text: what it says where the pointer rests on it.
        vertical: True to mark its x by a line from top to bottom, too.
    """

    x: float
    y: float
    text: str
    vertical: bool = False


@dataclass(frozen=True)
class Axis:
    """An axis of a chart.

    Attributes:
        name: what lies along it.
        low: the least value that there can be.
        high: the greatest.
        zoom: True to show only the part of it that the values lie in.
        integer: True to label whole numbers alone.
        label: how a value is written, as a format string.
    """

    name: str
    low: float = 0.0
    high: float = 1.0
    zoom: bool = False
    integer: bool = False
    label: str = "{:.0%}"


@dataclass(frozen=True)
class Chart:
    """Lines over two axes; by default shares from 0 to 1.

    Attributes:
        title: its heading.
        lines: at least one.
        x: the axis across.
        y: the axis upright; its name is spoken, the title says it to those who see.
        marks: points to mark.
    """

    title: str
    lines: tuple[Line, ...]
    x: Axis
    y: Axis
    marks: tuple[Mark, ...] = ()


Block = Table | GroupTable | Prose | Note | Chart


@dataclass(frozen=True)
class Section:
    """A section of the page; sections of one title in a row are shown as one."""

    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class PageContext:
    """Context that a figure may need, beside its own value, to show itself on the page.

    Attributes:
        figures: the values of all figures by name.
        maps_name: what an attention map is called: ``"glimpse"`` (SAAA) or ``"hop"`` (SAN).
        abstains: False for what cannot be told to be not sure: a model made elsewhere.
    """

    figures: Mapping[str, Any]
    maps_name: str
    abstains: bool = True


# A table of groups shows the most frequent ones alone.
_MOST = 20


def group_section(
    title: str, heading: str, groups: Mapping[str, GroupAccuracy], *, by_size: bool = True
) -> Section | None:
    """Show accuracy by group, the largest groups first, and the rare ones of many in the JSON.

    Args:
        title: of the section.
        heading: of the column of names.
        groups: name → accuracy; none gives no section.
        by_size: False keeps their order.
    """
    if not groups:
        return None
    rows = list(groups.items())
    if by_size:
        rows.sort(key=lambda row: -row[1].questions)
    table = GroupTable(heading, tuple(rows[:_MOST]))
    if (left_out := len(rows) - _MOST) > 0:
        return Section(title, (table, Note(f"{left_out} rarer kinds are in metrics.json.")))
    return Section(title, (table,))
