"""``askattend doctor``: what this program runs on, what is slow here, and what to do."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass

import msgspec
from rich.filesize import decimal

from askattend.cli.console import parse, print_json
from askattend.cli.options import Json
from askattend.environment.checkup import Checkup, examine
from askattend.installation import pip_install


@dataclass(frozen=True)
class Doctor:
    """Tell versions, processor, memory, GPU, extras and caches, what is slow here, and what to do.

    Exits with status 1 where a command would fail for want of something."""

    json: Json = False


def run(argv: list[str]) -> None:
    """Parse the command's options, examine, and print; 1 where something is amiss."""
    options: Doctor = parse(Doctor, argv, "doctor")
    found = examine()
    if options.json:
        print_json({**msgspec.structs.asdict(found), "healthy": found.healthy})
    else:
        print("\n".join(_lines(found)))
    if not found.healthy:
        sys.stdout.flush()
        sys.exit(1)


def _lines(found: Checkup) -> Iterator[str]:
    for name, value in _facts(found).items():
        yield f"{name:10} {value}"
    yield ""
    for advice in found.advice:
        yield f"{'error' if advice.serious else 'slow'}: {advice.problem}. {advice.remedy}"
    if not found.advice:
        yield "Nothing is amiss."


def _facts(found: Checkup) -> dict[str, str]:
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
        "GPU": ", ".join(found.gpus) or "none",
        "cache": f"{found.cache or 'none'}, {_bytes(found.disk_free)} free on its disk",
        "extras": ", ".join(there) or "none",
    }
    lacking = {extra: missing for extra, missing in found.extras.items() if missing}
    return facts | {f"no {extra}": f"{pip_install(extra)}" for extra in lacking}


def _bytes(count: int | None) -> str:
    return "unknown" if count is None else decimal(count)
