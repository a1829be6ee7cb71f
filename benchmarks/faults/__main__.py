"""Kill work at every step, fail every call of it, kill commands at random; print what was lost.

python -m benchmarks.faults [--kills 200] [--seed 0] [--only NAME …] [--golden DIR]
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from benchmarks.faults.every_step import Trial
from benchmarks.faults.random_kills import commands, kill_at_random, warm_up
from benchmarks.faults.scenarios import scenarios, stopped_clocks


def main() -> int:
    """Do all of it; the status is 1 if anything was lost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200, help="of real commands, all together")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="*", default=[], help="names of the work to do")
    parser.add_argument("--golden", type=Path, default=_golden())
    options = parser.parse_args()
    golden = options.golden if options.golden is not None and options.golden.is_dir() else None
    torch.set_num_threads(1)
    lost = 0
    with TemporaryDirectory(prefix="faults-") as name:
        folder = Path(name)
        # First, as a process that has trained cannot be forked into one that trains.
        if options.kills:
            lost += _random_kills(folder, golden, options.only, options.kills, options.seed)
        lost += _every_step(folder, golden, options.only)
    print(f"lost: {lost}" if lost else "lost: nothing")
    return lost > 0


def _golden() -> Path | None:
    shared = os.environ.get("ASKATTEND_SHARED", "../shared")
    return Path(shared) / "golden"


def _every_step(folder: Path, golden: Path | None, only: list[str]) -> int:
    inputs, lost = folder / "inputs", 0
    inputs.mkdir()
    print("\n| work | steps | killed after | calls failed | of these unheard | lost |")
    print("|---|--:|--:|--:|--:|--:|", flush=True)
    with stopped_clocks():
        for scenario in scenarios(inputs, golden):
            if only and scenario.name not in only:
                continue
            trial, kept = Trial(scenario, folder / "work"), folder / "kept" / scenario.name
            kept.mkdir(parents=True)
            trial.kill(kept, all_states=True)
            trial.fail([*trial.all_failures()])
            c = trial.counts
            cells = (c.steps, c.killed, c.failed, c.unheard, c.lost)
            print(f"| {scenario.name} | {' | '.join(f'{n:,}' for n in cells)} |", flush=True)
            lost += c.lost
    return lost


def _random_kills(folder: Path, golden: Path | None, only: list[str], kills: int, seed: int) -> int:
    inputs, lost = folder / "given", 0
    inputs.mkdir()
    warm_up()
    listed = [c for c in commands(inputs, golden) if not only or c.name in only]
    print("| command | SIGKILLs at work | had ended before | seconds, undisturbed | lost |")
    print("|---|--:|--:|--:|--:|", flush=True)
    started = time.monotonic()
    for number, command in enumerate(listed):
        share = kills * (number + 1) // len(listed) - kills * number // len(listed)
        done = kill_at_random(command, share, folder / "killed", seed)
        cells = (f"{done.killed:,}", f"{done.early:,}", f"{done.seconds:.1f}", f"{done.lost:,}")
        print(f"| {command.name} | {' | '.join(cells)} |", flush=True)
        lost += done.lost
    print(f"({time.monotonic() - started:,.0f} s)")
    return lost


if __name__ == "__main__":
    sys.exit(main())
