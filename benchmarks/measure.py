"""Time and memory, measured so that both sides get the same weather."""

from __future__ import annotations

import multiprocessing
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import msgspec

WARM_UPS = 1
MEBIBYTE = 2**20


class Target(msgspec.Struct, frozen=True):
    """The figure that a row is to reach.

    Attributes:
        of: our own figure, or the ratio.
        bound: ``"at least"`` where the value is the least that the figure may be.
        value: in the row's unit, or times.
    """

    of: Literal["ours", "ratio"]
    bound: Literal["at least", "at most"]
    value: float

    def met(self, figure: float) -> bool:
        """Tell if a figure reaches it."""
        return figure >= self.value if self.bound == "at least" else figure <= self.value


class Row(msgspec.Struct, frozen=True):
    """A measured figure, beside the plain implementation's.

    Attributes:
        name: of the row.
        unit: of `ours` and `plain`.
        ours: median.
        plain: the plain implementation's; None where there is none.
        ratio: how many times faster ours is; of memory, our share of the plain one's.
        target: what is asked; None where the machine cannot reach it by its nature.
        met: True if it is reached; None where there is no target.
        note: what to know when reading it.
    """

    name: str
    unit: str
    ours: float
    plain: float | None = None
    ratio: float | None = None
    target: Target | None = None
    met: bool | None = None
    note: str = ""


def row(name: str, unit: str, ours: float, plain: float | None = None, **rest: Any) -> Row:
    """Make a row with its ratio; its target is compared with the figure."""
    ratio = None
    if plain is not None:
        ratio = plain / ours if unit in ("ms", "s") else ours / plain
    target: Target | None = rest.get("target")
    met = None
    if target is not None:
        figure = ours if target.of == "ours" else ratio
        assert figure is not None, "a target of the ratio needs something to compare with"
        met = target.met(figure)
    return Row(name, unit, ours, plain, ratio, met=met, **rest)


def interleaved(
    ours: Callable[[], object], plain: Callable[[], object], *, rounds: int
) -> tuple[float, float]:
    """Return the median seconds of each, in turns: a busy spell of the machine meets both.

    A turn begins with a call that is not measured: whoever trains or evaluates does so many times
    in a row, and not after somebody else has emptied the caches and given memory back.
    """
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        for measured, run in zip(times, (ours, plain), strict=True):
            for _ in range(WARM_UPS):
                run()
            measured.append(seconds(run))
    return statistics.median(times[0]), statistics.median(times[1])


def median_seconds(run: Callable[[], object], *, rounds: int) -> float:
    """Return the median seconds of one call by itself, warmed up."""
    for _ in range(WARM_UPS):
        run()
    return statistics.median(seconds(run) for _ in range(rounds))


def seconds(run: Callable[[], object]) -> float:
    """Return the seconds that one call takes."""
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


def peak_memory(prepare: Callable[..., Callable[[], object]], *arguments: Any) -> float:
    """Return the MiB that a call adds to the resident memory of its process, at the most.

    It is the first call in a process of its own, forked from one that has imported PyTorch and done
    nothing. `prepare(*arguments)` makes the call there; what it allocates (weights, the batch) is
    not counted, and its own peak is forgotten before the call (``/proc/self/clear_refs``, Linux).

    Args:
        prepare: a function of a module, since its name is what travels.
        arguments: for it.
    """
    context = multiprocessing.get_context("forkserver")
    # what making an optimizer imports, too: each process would take seconds for it
    context.set_forkserver_preload(["benchmarks.networks", "torch._dynamo"])
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_measure_peak, args=(sender, prepare, arguments))
    process.start()
    sender.close()
    try:
        return float(receiver.recv())
    except EOFError:
        raise RuntimeError("the process that measured memory has died") from None
    finally:
        process.join()


def _measure_peak(sender: Any, prepare: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    run = prepare(*arguments)
    Path("/proc/self/clear_refs").write_text("5")  # the peak so far is forgotten
    before = _status("VmRSS")
    run()
    sender.send((_status("VmHWM") - before) / MEBIBYTE)


def _status(key: str) -> int:
    """Read the bytes of resident memory: VmRSS now, VmHWM at its peak."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{key}:"):
            return 1024 * int(line.split()[1])
    raise RuntimeError(f"/proc/self/status has no {key}")
