"""Ask a served run as many clients at once do, and see that every answer is right and in time.

python -m benchmarks.load [RUN] [--seconds N] [--clients N] [--rate N] [--seed N]

Clients keep to a timetable, whether the service keeps up or not; what a request takes counts from
when it was due. In the end the service is told to end, and killed, and started again under load.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event

from benchmarks.load_client import BAD_SHARE, Client, Outcome
from benchmarks.load_service import RunningService
from benchmarks.load_truth import Truth, truth_of

DEMO = Path("runs/demo")
# Fewer than are uploaded, so that what is kept has stopped growing long before the end.
CACHE_IMAGES = 64
# A service's memory may grow by this share from the second quarter of the time to the last.
MOST_GROWTH = 0.05
# Seconds of load in which the service is told to end, and killed.
UPHEAVAL, TOLD_AFTER, KILLED_AFTER = 16.0, 4.0, 10.0
# A client that has waited for so many seconds hangs.
HANGING = 20.0
CLEAN = {"503", "closed"}


@dataclass
class Load:
    """The outcomes that clients saw, and the memory that the service took meanwhile."""

    outcomes: list[Outcome] = field(default_factory=list)
    memory: list[float] = field(default_factory=list)

    def seconds(self, kind: str) -> list[float]:
        """Return what the good requests of a kind took."""
        return [each.seconds for each in self.outcomes if each.kind == kind and each.good]

    @property
    def growth(self) -> float:
        """How much the memory grew from the second quarter of the time to the last, as a share."""
        quarter = len(self.memory) // 4
        before, after = self.memory[quarter : 2 * quarter], self.memory[3 * quarter :]
        return statistics.median(after) / statistics.median(before) - 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure; return 1 if anything was not as it should be."""
    options = _parser().parse_args(arguments)
    if not (options.run / "config.toml").exists():
        print(f"{options.run} is no run: make one with make demo", file=sys.stderr)
        return 2
    truth = truth_of(options.run)
    with RunningService(options.run, "--cache-images", str(CACHE_IMAGES)) as service:
        print(f"{options.clients} clients, {options.rate:g} requests/s, {options.seconds:g} s")
        problems = _report(_load(service, truth, options, options.seconds))
        problems += _report_upheaval(_upheaval(service, truth, options))
    for problem in problems:
        print(f"NOT AS IT SHOULD BE: {problem}")
    return int(bool(problems))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="load", description=__doc__)
    parser.add_argument("run", type=Path, nargs="?", default=DEMO, help="the run to serve")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long to ask")
    parser.add_argument("--clients", type=int, default=32, help="how many ask at once")
    parser.add_argument("--rate", type=float, default=50.0, help="requests a second of all")
    parser.add_argument("--seed", type=int, default=0, help="of what is asked when")
    return parser


def _load(
    service: RunningService, truth: Truth, options: argparse.Namespace, seconds: float
) -> Load:
    """Let all clients ask for a while."""
    load, end, stop = Load(), time.monotonic() + seconds, Event()
    interval = options.clients / options.rate
    with ThreadPoolExecutor(options.clients) as pool:
        clients = [
            Client(service.port, truth, random.Random(f"{options.seed} {number}"))
            for number in range(options.clients)
        ]
        running = [pool.submit(client.run, interval, stop) for client in clients]
        while time.monotonic() < end:
            load.memory.append(service.memory())
            time.sleep(0.5)
        stop.set()
        for each in running:
            load.outcomes += each.result()
    return load


def _upheaval(service: RunningService, truth: Truth, options: argparse.Namespace) -> Load:
    """Load in which the service is told to end, then killed, and each time started again."""
    with ThreadPoolExecutor(1) as pool:
        load = pool.submit(_load, service, truth, options, UPHEAVAL)
        time.sleep(TOLD_AFTER)
        service.end()
        service.start()
        time.sleep(max(0.0, KILLED_AFTER - TOLD_AFTER))
        service.kill()
        service.start()
        return load.result()


def _report(load: Load) -> list[str]:
    """Print the figures; return what is not as it should be."""
    for kind, about in (("first", "first question, with the upload"), ("further", "further ones")):
        print(f"{about}: {_quantiles(load.seconds(kind))}")
    kinds = Counter(each.kind for each in load.outcomes)
    print(f"requests: {', '.join(f'{count:,} {kind}' for kind, count in kinds.items())}")
    print(f"memory: {load.memory[-1] / 1e6:.0f} MB, {load.growth:+.1%} from 2nd to last quarter")
    wrong = [each for each in load.outcomes if not each.good]
    problems = [f"{each.kind}: {each.said}" for each in wrong[:10]]
    if load.growth > MOST_GROWTH:
        problems.append(f"the memory grew by {load.growth:.1%}")
    share = kinds["bad"] / max(1, len(load.outcomes))
    assert share < 3 * BAD_SHARE, "the load is not what it is said to be"
    return problems


def _report_upheaval(load: Load) -> list[str]:
    said = Counter(each.said for each in load.outcomes)
    slowest = max(each.seconds for each in load.outcomes)
    told = ", ".join(f"{count:,} {what}" for what, count in said.most_common())
    print(f"ended and killed under load: {told}; slowest {slowest:.1f} s")
    lost = [each for each in load.outcomes if not each.good and each.said not in CLEAN]
    # An image that was uploaded before is gone with the process that had it.
    problems = [f"{each.kind}: {each.said}" for each in lost if each.said != "404"][:10]
    if slowest > HANGING:
        problems.append(f"a client hung for {slowest:.0f} s")
    if not {"right", "closed"} <= said.keys():
        problems.append("the service was not ended, or never came back")
    return problems


def _quantiles(seconds: Sequence[float]) -> str:
    if len(seconds) < 2:
        return "too few"
    percentiles = statistics.quantiles(seconds, n=100, method="inclusive")
    milliseconds = (1000 * percentiles[49], 1000 * percentiles[98], 1000 * max(seconds))
    half, most, all_ = (f"{each:.1f}" for each in milliseconds)
    return f"p50 {half} ms, p99 {most} ms, slowest {all_} ms of {len(seconds):,}"


if __name__ == "__main__":
    sys.exit(main())
