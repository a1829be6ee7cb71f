"""The lines that an extraction prints: what it is about to do, and what it noticed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import msgspec
from rich.console import Console
from rich.filesize import decimal

from askattend.environment.console import print_line
from askattend.errors import name_few
from askattend.features.disk import need_space
from askattend.features.greys import Range
from askattend.features.spec import FeatureSpec
from askattend.features.store_index import Shard


def announce(
    console: Console, folder: Path, spec: FeatureSpec, todo: Sequence[Shard], already: int
) -> None:
    """Print what is about to be done.

    Raises:
        FeatureError: it does not fit on the disk.
    """
    count = sum(len(shard.images) for shard in todo)
    # 4 KiB a shard for its header, in which safetensors lists the tensors.
    needed = count * spec.image_bytes + sum(4096 + len(msgspec.json.encode(s)) for s in todo)
    free = need_space(folder, needed)
    there = f" ({already:,} more are there already)" if already else ""
    print_line(
        console,
        f"{count:,} images{there} → {spec.rows} × {spec.columns} regions of "
        f"{spec.region_dim:,} {spec.dtype} by {spec.backbone} at {spec.image_size} px: "
        f"{decimal(needed)}; {decimal(free)} are free on the disk",
    )


def note_threads(console: Console, todo: Sequence[Shard], *, own: int) -> None:
    """Tell where others compute than the `own` threads, since an interrupted extraction did."""
    planned = {shard.threads for shard in todo} - {0, own}
    for threads in sorted(planned):
        count = sum(len(shard.images) for shard in todo if shard.threads == threads)
        thread = "1 thread computes" if threads == 1 else f"{threads} threads compute"
        print_line(console, f"{thread} {count:,} of them, as was planned, not {own}")


def note_replaced(console: Console, images: Sequence[str]) -> None:
    """Tell which images are extracted anew."""
    if images:
        text = f"{len(images):,} of them anew, as their files have changed: {name_few(images)}"
        print_line(console, text)


def note_greys(console: Console, ranges: Counter[Range]) -> None:
    """Tell from which ranges pictures of more than 8 bits were scaled.

    Args:
        console: where to.
        ranges: how many pictures were scaled from each.
    """
    if ranges:
        named = name_few(f"{low:g}..{high:g} ({n:,})" for (low, high), n in ranges.most_common())
        count = ranges.total()
        subject = "an image holds" if count == 1 else f"{count:,} images hold"
        print_line(console, f"note: {subject} more than 8 bits, scaled from {named}")
