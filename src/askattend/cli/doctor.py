"""``askattend doctor``: what this program runs on, what is slow here, and what to do."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import msgspec
from rich.filesize import decimal

from askattend.cli.console import parse, print_json
from askattend.cli.options import Json
from askattend.environment.checkup import Checkup, examine
from askattend.features.caches import Cached, find_cached
from askattend.installation import pip_install
from askattend.native.library import missing_library


@dataclass(frozen=True)
class Doctor:
    """Tell versions, processor, memory, GPU, extras and caches, what is slow here, and what to do.

    Exits with status 1 where a command would fail for want of something."""

    json: Json = False


def run(argv: list[str]) -> None:
    """Parse the command's options, examine, and print; 1 where something is amiss."""
    options: Doctor = parse(Doctor, argv, "doctor")
    found = examine(no_kernels=missing_library())
    cached = [] if found.cache is None else find_cached()
    if options.json:
        told = msgspec.structs.asdict(found)
        print_json({**told, "cached": cached_bytes(cached), "healthy": found.healthy})
    else:
        print("\n".join(_lines(found, cached)))
    if not found.healthy:
        sys.stdout.flush()
        sys.exit(1)


def cached_bytes(cached: Iterable[Cached]) -> dict[str, int]:
    """Sum the bytes that are kept to be used again, by kind."""
    found = Counter[str]()
    for each in cached:
        found[each.kind] += each.bytes
    return dict(found)


def _lines(found: Checkup, cached: Sequence[Cached]) -> Iterator[str]:
    for name, value in _facts(found, cached).items():
        yield f"{name:10} {value}"
    yield ""
    for advice in found.advice:
        yield f"{'error' if advice.serious else 'slow'}: {advice.problem}. {advice.remedy}"
    if not found.advice:
        yield "Nothing is amiss."


def _facts(found: Checkup, cached: Sequence[Cached]) -> dict[str, str]:
    cpu = found.processor
    busy = "" if cpu.load is None else f", load {cpu.load:g}"
    there = [extra for extra, missing in found.extras.items() if not missing]
    facts = {
        "askattend": found.askattend + (f", commit {found.commit[:10]}" if found.commit else ""),
        "Python": f"{found.python} on {found.platform}",
        "PyTorch": f"{found.torch}, products in {cpu.precision}",
        "threads": f"{cpu.threads} ({cpu.waiting})",
        "processor": f"{cpu.name}, {cpu.cores:g} cores{busy}; {' '.join(cpu.features) or 'plain'}",
        "memory": f"{_bytes(found.memory_free)} free of {_bytes(found.memory)}",
        "kernels": f"none: {found.no_kernels}" if found.no_kernels else "in C",
        "GPU": ", ".join(found.gpus) or "none",
        "cache": f"{found.cache or 'none'}: {_kept(cached)}; {_bytes(found.disk_free)} free",
        "extras": ", ".join(there) or "none",
    }
    lacking = {extra: missing for extra, missing in found.extras.items() if missing}
    return facts | {f"no {extra}": f"{pip_install(extra)}" for extra in lacking}


def _kept(cached: Sequence[Cached]) -> str:
    """Say what caches take of the disk, by kind: ``"12 MB (12 MB drawings)"``."""
    kinds = cached_bytes(cached)
    each = ", ".join(f"{decimal(size)} {kind}" for kind, size in kinds.items())
    return f"{decimal(sum(kinds.values()))}{f' ({each})' if each else ''}"


def _bytes(count: int | None) -> str:
    return "unknown" if count is None else decimal(count)
