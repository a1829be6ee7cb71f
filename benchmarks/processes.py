"""Questions a second of training in one process and in several, each with one thread.

``python -m benchmarks.processes --processes 1 2`` starts each number by torchrun, in turns, so that
all get the same weather. Batches are of VQA v2's sizes, the same in all numbers.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence

import torch

from askattend.batching.batches import Batch, Batches
from askattend.batching.division import Division
from askattend.training.config import TrainConfig
from askattend.training.cuda_graphs import Step, make_step
from askattend.training.joining import joined
from askattend.training.processes import Processes
from askattend.training.step import make_optimizer
from benchmarks import data
from benchmarks.data import QUICK, Shape
from benchmarks.networks import QUICK_WIDTHS, ours

# Processes print this word and the questions a second.
RATE = "rate"


def rates(counts: Sequence[int], rounds: int, *, quick: bool) -> dict[int, list[float]]:
    """Measure each number of processes so many times; number → questions a second."""
    measured: dict[int, list[float]] = {count: [] for count in counts}
    for _ in range(rounds):
        for count in counts:
            measured[count].append(_started(count, quick=quick))
    return measured


def train(processes: Processes, *, quick: bool) -> float:
    """Make steps of SAN; return the questions a second, of all processes together."""
    shape, steps = (QUICK, 2) if quick else (Shape(), 6)
    config = TrainConfig(batch_size=shape.questions, precision="float32")
    model = ours("san", shape, QUICK_WIDTHS if quick else {}).train()
    step = make_step(model, make_optimizer(model, config), config, processes)
    source = data.InMemory(data.random_regions(shape), data.image_ids(shape))
    whole = Batches(
        data.question_set(shape),
        source,
        data.words(shape),
        data.answers(shape),
        batch_size=shape.questions,
    ).divided(Division(processes.rank, processes.count))
    batches = list(whole.shuffled(0, at_least=steps + 1))
    _learn(step, batches[:1])
    processes.any(False)  # all begin together
    began = time.perf_counter()
    _learn(step, batches[1:])
    return steps * shape.questions / (time.perf_counter() - began)


def _learn(step: Step, batches: Sequence[Batch]) -> None:
    for batch in batches:
        step(batch, rate=1e-3)


def _started(count: int, *, quick: bool) -> float:
    words = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    words += ["--nproc-per-node", str(count), "-m", __spec__.name, "--worker"]
    done = subprocess.run(
        words + ["--quick"] * quick,
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    return next(
        float(line.split()[1]) for line in done.stdout.splitlines() if line.startswith(RATE)
    )


def main() -> None:
    """Read the options, and measure or be one of those who are measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        torch.set_num_threads(1)
        with joined(sys.argv[1:]) as processes:
            rate = train(processes, quick=options.quick)
            if processes.first:
                print(RATE, rate)
        return
    measured = rates(options.processes, options.rounds, quick=options.quick)
    alone = statistics.median(measured[options.processes[0]])
    for count, values in measured.items():
        rate = statistics.median(values)
        print(f"{count} processes: {rate:,.0f} questions/s, {rate / alone:.2f} times", flush=True)


if __name__ == "__main__":
    main()
