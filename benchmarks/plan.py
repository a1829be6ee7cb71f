"""The simulation behind `askattend plan` beside extractions of one and two processes.

`python -m benchmarks.plan` measures the rates of one thread and the start-up, extracts a folder of
photos with one process and two halves of it with two at once, in turns, and compares the times with
those that the simulation gives for these rates.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from askattend.planning.measure import measured_rates, picture_bytes
from askattend.planning.rates import Rates
from askattend.planning.simulation import Stage, simulate

SIDE, BATCH, SHARD, DECODERS = 224, 8, 256, 1
FEATURES = 49 * 1280 * 2


class Turn(msgspec.Struct, frozen=True):
    """One turn of all measurements, in seconds.

    Attributes:
        processes: at once.
        measured: from start to the last one's end.
        simulated: with the rates and the start-up of the same turn.
        load: of the machine before it.
    """

    processes: int
    measured: float
    simulated: float
    load: float

    @property
    def error(self) -> float:
        """Share by which the simulated time differs."""
        return self.simulated / self.measured - 1


def stages(rates: Rates) -> Sequence[Stage]:
    """Return what `askattend extract` does with one thread that computes."""
    assert rates.decode is not None
    assert rates.backbone is not None
    room = 2 * BATCH
    return (
        Stage("decode", 1 / rates.decode.value, DECODERS, room=room, on="core"),
        Stage("backbone", 1 / rates.backbone.value, 1, BATCH, room, on="core"),
        Stage("write", FEATURES / rates.write.value, 1, SHARD, 2 * SHARD),
    )


def _extract(folders: Sequence[Path], out: Path) -> float:
    """Extract each folder by a process of its own, at once; return the seconds of all."""

    def one(number: int) -> None:
        words = ["extract", folders[number], "--out", out / str(number)]
        sizes = ["--image-size", SIDE, "--batch-size", BATCH, "--workers", DECODERS]
        command = [sys.executable, "-m", "askattend", *map(str, [*words, *sizes])]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        subprocess.run(command, env=environment, check=True, capture_output=True)

    started = time.perf_counter()
    with ThreadPoolExecutor(len(folders)) as pool:
        list(pool.map(one, range(len(folders))))
    return time.perf_counter() - started


def _folder(path: Path, images: range) -> Path:
    path.mkdir()
    for number in images:
        (path / f"{number:05}.jpg").write_bytes(picture_bytes(number))
    return path


def compare(images: int, turns: int) -> list[Turn]:
    """Measure in turns: the rates, the start-up, one process and two."""
    found: list[Turn] = []
    with TemporaryDirectory() as kept:
        root = Path(kept)
        single = _folder(root / "single", range(1))
        folders = [_folder(root / f"part-{n}", range(n * images, (n + 1) * images)) for n in (0, 1)]
        for turn in range(turns):
            for processes in (1, 2):
                load, out = os.getloadavg()[0], root / f"out-{turn}-{processes}"
                rates = measured_rates("efficientnet-lite2", SIDE, folder=root)
                startup = _extract([single] * processes, out / "single")
                measured = _extract(folders[:processes], out / "all")
                simulated = simulate(
                    stages(rates),
                    images * processes,
                    processes=processes,
                    shared={"core": os.cpu_count() or 1},
                    startup=startup,
                ).seconds
                found.append(Turn(processes, measured, simulated, load))
                _print(found[-1])
    return found


def _print(turn: Turn) -> None:
    print(
        f"{turn.processes} process{'es' * (turn.processes > 1)}: measured {turn.measured:.1f} s, "
        f"simulated {turn.simulated:.1f} s, {turn.error:+.0%}; load {turn.load:.1f}",
        flush=True,
    )


def main() -> None:
    """Compare, and print the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=400, help="of each process")
    parser.add_argument("--turns", type=int, default=3)
    options = parser.parse_args()
    found = compare(options.images, options.turns)
    for processes in (1, 2):
        errors = [turn.error for turn in found if turn.processes == processes]
        print(f"median of {len(errors)}, {processes} at once: {statistics.median(errors):+.1%}")


if __name__ == "__main__":
    main()
