"""The lines and the progress bar that an extraction prints."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from askattend.environment.heartbeat import Heartbeat

# Called with images done and to do.
Report = Callable[[int, int], None]


@contextmanager
def progress_bar(
    total: int,
    console: Console,
    report: Report | None,
    *,
    doing: tuple[str, str] = ("extracting", "extracted"),
    unit: str = "images",
) -> Iterator[Callable[[int], None]]:
    """Show a progress bar; yields the function that advances it, and calls `report`.

    Args:
        total: images to do.
        console: where it goes.
        report: called with images done and to do.
        doing: what is done to images, and what has been.
        unit: what they are, where they are no images.
    """
    columns = (
        TextColumn(doing[0]),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    done, start = 0, time.monotonic()
    pulse = Heartbeat(console)
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("", total=total, rate="")

        def advance(count: int) -> None:
            nonlocal done
            done += count
            rate = done / max(time.monotonic() - start, 1e-9)
            bar.update(task, completed=done, rate=f"{rate:.1f} {unit}/s")
            left = (total - done) / rate / 60 if rate else 0.0
            pulse.beat(
                lambda: (
                    f"{doing[1]} {done:,} of {total:,} {unit}, {rate:.1f} {unit}/s, "
                    f"{left:.0f} min left"
                )
            )
            if report is not None:
                report(done, total)

        yield advance
