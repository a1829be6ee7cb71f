"""The simulation behind `askattend plan` beside extractions of one and two processes.

`python -m benchmarks.plan` measures the rates and the start-up, extracts a folder of photos with
one process, or two with two at once, measures the rates again, and compares the time with that
which the simulation gives for the rates' means. As many processes measure at once as will extract,
so that neighbours of both cores slow both alike.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
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


class Seconds(msgspec.Struct, frozen=True):
    """Seconds an image of each stage."""

    decode: float
    backbone: float
    write: float

    @classmethod
    def of(cls, rates: Rates) -> Seconds:
        """Turn rates into times."""
        assert rates.decode is not None
        assert rates.backbone is not None
        decode, backbone = 1 / rates.decode.value, 1 / rates.backbone.value
        return cls(decode, backbone, FEATURES / rates.write.value)


def stages(every: Sequence[Seconds]) -> Sequence[Stage]:
    """Return what `askattend extract` does with one thread that computes, by mean times."""
    mean = {n: statistics.fmean(getattr(s, n) for s in every) for n in Seconds.__struct_fields__}
    room = 2 * BATCH
    return (
        Stage("decode", mean["decode"], DECODERS, room=room, on="core"),
        Stage("backbone", mean["backbone"], 1, BATCH, room, on="core"),
        Stage("write", mean["write"], 1, SHARD, 2 * SHARD),
    )


def _measure(folder: Path) -> Seconds:
    return Seconds.of(measured_rates("efficientnet-lite2", SIDE, folder=folder, turns=15))


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
    pools = {n: ProcessPoolExecutor(n, mp_context=get_context("spawn")) for n in (1, 2)}
    with TemporaryDirectory() as kept, pools[1], pools[2]:
        root = Path(kept)
        single = _folder(root / "single", range(1))
        folders = [_folder(root / f"part-{n}", range(n * images, (n + 1) * images)) for n in (0, 1)]
        for processes, pool in pools.items():  # they import PyTorch
            list(pool.map(_measure, [root] * processes))
        for turn in range(turns):
            for processes in (1, 2):
                load, out = os.getloadavg()[0], root / f"out-{turn}-{processes}"
                every = list(pools[processes].map(_measure, [root] * processes))
                startup = _extract([single] * processes, out / "single")
                measured = _extract(folders[:processes], out / "all")
                every += pools[processes].map(_measure, [root] * processes)
                simulated = simulate(
                    stages(every),
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
