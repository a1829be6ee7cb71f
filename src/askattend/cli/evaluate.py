"""``askattend evaluate``: how good a run is on a split."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from askattend.cli.console import interval_text, parse, print_json, progress
from askattend.cli.interruption import FEATURES, going_on_with
from askattend.cli.options import Attention, Flat, Json, RunFolder
from askattend.environment.heartbeat import still_at_work
from askattend.environment.packing import run_folder
from askattend.evaluation.evaluate import Metrics
from askattend.evaluation.figures import all_figures
from askattend.evaluation.section import TerminalLine
from askattend.experiment.evaluate import EvaluationOptions, evaluate_run, place_of
from askattend.report.index import index_of
from askattend.runs.agreement import agree
from askattend.scoring.evaluation_folders import REPORT


@dataclass(frozen=True)
class Evaluate:
    """Accuracy on a split beside its floors; leaves metrics, results and a report in the run.

    RUN may also be a model of transformers', by its folder or hf:USER/NAME: ViLT's or BLIP's class
    for questions, or any that makes text of image and text. Its config.json tells it from a run.
    """

    run: RunFolder
    options: Annotated[EvaluationOptions, Flat]
    attention: Attention = None
    json: Json = False


def run(argv: list[str]) -> None:
    """Parse the command's options, evaluate, and print the figures."""
    options: Evaluate = parse(Evaluate, argv, "evaluate")
    if options.attention is not None:
        agree(run_folder(options.run), options.attention)
    console, what = progress(), f"evaluating {options.run}"
    kept = f"{FEATURES}, where any were extracted, or a model's answers; no figure yet"
    with going_on_with(["evaluate", *argv], lambda: kept), still_at_work(console, what):
        evaluation = evaluate_run(options.run, options.options, console=console)
    if options.json:
        print_json(evaluation.metrics.flat())
    else:
        print(table(evaluation.metrics))
        print(f"report: {place_of(options.run, options.options) / REPORT}")
        if (index := index_of(options.run)).exists():
            print(f"all evaluations of the run: {index}")


def table(metrics: Metrics) -> str:
    """Say the figures of an evaluation, a line each."""
    lines = [f"{metrics.source}, {metrics.split}: {metrics.questions:,} questions"]
    if metrics.accuracy is None:
        return "\n".join([*lines, "the split has no answers: nothing to score"])
    for line in (*_headline(metrics), *_figures(metrics)):
        value = "  " if line.value is None else f"{line.value:>8.2%}"
        lines.append(f"{line.label:<38}{value}{line.note}")
    return "\n".join([*lines, *(said for said in (metrics.verdict, metrics.trust) if said)])


def _headline(metrics: Metrics) -> Iterator[TerminalLine]:
    """Accuracy between its floors and its ceiling, as far as there are answers."""
    if metrics.accuracy is not None and metrics.interval is not None:
        note = f"  {interval_text(metrics.interval)}"
        yield TerminalLine(f"accuracy ({metrics.metric})", metrics.accuracy, note)
    for floor in (metrics.floors or {}).values():
        note = f"  {interval_text(floor.interval)}"
        yield TerminalLine(f"floor: {floor.name}", floor.accuracy, note)
    if metrics.coverage is not None:
        yield TerminalLine("most common answer in the vocabulary", metrics.coverage)
    if metrics.ceiling is not None:
        yield TerminalLine("ceiling: its best answer, each time", metrics.ceiling)


def _figures(metrics: Metrics) -> Iterator[TerminalLine]:
    for name, figure in all_figures().items():
        if (value := metrics.figures.get(name)) is not None:
            yield from figure.terminal_lines(value)
