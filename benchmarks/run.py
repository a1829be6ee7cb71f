"""Run the benchmarks, print them as a table and write them to a file.

python -m benchmarks.run [--only NAME …] [--quick] [--threads N] [--rounds N] [--out FILE]
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import msgspec
import torch
from rich.console import Console
from rich.table import Column, Table

from benchmarks import answering, epoch, networks, reading
from benchmarks.data import QUICK, Shape
from benchmarks.machine import Machine, machine
from benchmarks.measure import Row
from benchmarks.networks import Size
from benchmarks.scaling import Growth, scaling

RESULTS = Path(__file__).with_name("results.json")
SCALING = "scaling"
ROUNDS = 5

ROWS: dict[str, Callable[[Size], Row]] = {
    "saaa-training": partial(networks.training, "saaa", 8.0),
    "saaa-evaluation": partial(networks.evaluation, "saaa", 8.0),
    "saaa-training-memory": partial(networks.training_memory, "saaa", 0.5),
    "san-training": partial(networks.training, "san", 6.0),
    "san-evaluation": partial(networks.evaluation, "san", 6.0),
    "san-training-memory": partial(networks.training_memory, "san", 0.5),
    "next-question": answering.next_question,
    "next-question-vilt": answering.next_question_vilt,
    "next-question-int8": partial(answering.next_question, in_eight_bits=True),
    "next-question-vilt-int8": partial(answering.next_question_vilt, in_eight_bits=True),
    "resnet152-extraction": reading.resnet_extraction,
    "feature-store": reading.feature_store,
    "easy-vqa-epoch": epoch.easy_vqa_epoch,
}


class Results(msgspec.Struct, frozen=True):
    """Results as the file holds them; a part that was not run is as it was before."""

    machine: Machine
    quick: bool
    rows: tuple[Row, ...] = ()
    scaling: tuple[Growth, ...] = ()


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure what was asked for."""
    options = _parser().parse_args(arguments)
    if options.threads:
        torch.set_num_threads(options.threads)
    size = _size(options)
    here = machine(side=128 if options.quick else 1024)
    results = _previous(options.out, here, quick=options.quick)
    console = Console()
    console.print(_describe(here), highlight=False)
    for name in options.only or [*ROWS, SCALING]:
        console.print(f"{name} …", highlight=False)
        results = _measured(name, size, results)
        options.out.write_bytes(msgspec.json.format(msgspec.json.encode(results)) + b"\n")
    console.print(_rows_table(results.rows))
    if results.scaling:
        console.print(_scaling_table(results.scaling))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=[*ROWS, SCALING], metavar="NAME")
    parser.add_argument("--quick", action="store_true", help="tiny sizes, to see that it runs")
    parser.add_argument("--threads", type=int, help="threads to compute with; PyTorch's own if 0")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="turns that each side has")
    parser.add_argument("--out", type=Path, default=RESULTS, help="where the figures go")
    return parser


def _size(options: argparse.Namespace) -> Size:
    shape = QUICK if options.quick else Shape()
    return Size(shape, quick=options.quick, rounds=options.rounds)


def _previous(file: Path, here: Machine, *, quick: bool) -> Results:
    """Read the file's results of this kind of run, to be brought up to date row by row."""
    fresh = Results(here, quick)
    if not file.exists():
        return fresh
    before = msgspec.json.decode(file.read_bytes(), type=Results)
    same = (before.quick, before.machine.processor, before.machine.threads) == (
        quick,
        here.processor,
        here.threads,
    )
    return msgspec.structs.replace(before, machine=here) if same else fresh


def _measured(name: str, size: Size, results: Results) -> Results:
    if name == SCALING:
        return msgspec.structs.replace(results, scaling=scaling(size))
    rows = {row.name: row for row in results.rows}
    rows[name] = ROWS[name](size)
    return msgspec.structs.replace(results, rows=tuple(rows[n] for n in ROWS if n in rows))


def _describe(here: Machine) -> str:
    speed = ", ".join(f"{value:.0f} {name}" for name, value in here.matmul_gflops.items())
    return (
        f"{here.processor}, {here.cores} cores, {here.threads} threads; {' '.join(here.flags)}; "
        f"GFLOP/s: {speed}; PyTorch {here.torch}; load {here.load}"
    )


def _rows_table(rows: Sequence[Row]) -> Table:
    table = Table(Column("", no_wrap=True), "ours", "plain", "unit", "ratio", "target", "met")
    for row in rows:
        target = row.target
        wanted = "" if target is None else f"{target.of} {target.bound} {target.value:g}"
        met = "" if row.met is None else ("yes" if row.met else "no")
        figures = (_figure(row.ours), _figure(row.plain), row.unit, _figure(row.ratio))
        table.add_row(row.name, *figures, wanted, met)
    return table


def _scaling_table(growths: Sequence[Growth]) -> Table:
    table = Table("SAAA training against", "sizes", "time exponent", "memory exponent")
    for growth in growths:
        sizes = " ".join(f"{size:,}" for size in growth.sizes)
        exponents = (f"{growth.time_exponent:.2f}", f"{growth.memory_exponent:.2f}")
        table.add_row(growth.quantity, sizes, *exponents)
    return table


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:,.3g}" if value < 1000 else f"{value:,.0f}"


if __name__ == "__main__":
    main()
