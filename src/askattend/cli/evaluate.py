"""``askattend evaluate``: how good a run is on a split."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro
from tyro.conf import Positional

from askattend.cli.console import FLOORS, interval_text, parse, print_json, progress
from askattend.evaluation.evaluate import Metrics
from askattend.evaluation.figures import all_figures
from askattend.evaluation.section import TerminalLine
from askattend.experiment.evaluate import evaluate_run
from askattend.settings import Probability, check


@dataclass(frozen=True)
class Evaluate:
    """Accuracy on a split beside its floors; leaves metrics, results and report in the run."""

    run: Annotated[Positional[Path], tyro.conf.arg(metavar="RUN")]
    """The run folder."""
    data: str | None = None
    """Question source; by default the one that the run was trained on."""
    split: str = "test"
    """Which of its splits: test, valid, train, or the source's own name."""
    features: Path | None = None
    """Feature store; by default the run's, or a cache beside the run."""
    backbone: str | None = None
    """The run's backbone, where it does not know it or knows it by another name."""
    abstain_above_risk: Probability | None = None
    """From now on `ask` is not sure where more than this share of its answers would be wrong."""
    device: str = "auto"
    """Where to compute: auto (a GPU if there is one), cpu, cuda, cuda:1, …"""
    json: bool = False
    """Print one JSON object."""

    def __post_init__(self) -> None:
        check(self)


def run(argv: list[str]) -> None:
    """Parse the command's options, evaluate, and print the figures."""
    options: Evaluate = parse(Evaluate, argv, "evaluate")
    evaluation = evaluate_run(
        options.run,
        data=options.data,
        split=options.split,
        features=options.features,
        backbone=options.backbone,
        abstain_above_risk=options.abstain_above_risk,
        device=options.device,
        console=progress(),
    )
    if options.json:
        print_json(evaluation.metrics.flat())
    else:
        print(table(evaluation.metrics))
        print(f"report: {options.run / 'report.html'}")


def table(metrics: Metrics) -> str:
    """Say the figures of an evaluation, a line each."""
    lines = [f"{metrics.source}, {metrics.split}: {metrics.questions:,} questions"]
    if metrics.accuracy is None:
        lines.append("the split has no answers: nothing to score")
    for line in (*_headline(metrics), *_figures(metrics)):
        lines.append(f"{line.label:<38}{line.value:>8.2%}{line.note}")
    return "\n".join(lines)


def _headline(metrics: Metrics) -> Iterator[TerminalLine]:
    """Accuracy between its floors and its ceiling, as far as there are answers."""
    if metrics.accuracy is not None and metrics.interval is not None:
        note = f"  {interval_text(metrics.interval)}"
        yield TerminalLine(f"accuracy ({metrics.metric})", metrics.accuracy, note)
    for name, value in (metrics.floors or {}).items():
        yield TerminalLine(FLOORS[name], value)
    if metrics.coverage is not None:
        yield TerminalLine("most common answer in the vocabulary", metrics.coverage)
    if metrics.ceiling is not None:
        yield TerminalLine("ceiling: its best answer, each time", metrics.ceiling)


def _figures(metrics: Metrics) -> Iterator[TerminalLine]:
    for name, figure in all_figures().items():
        if (value := metrics.figures[name]) is not None:
            yield from figure.terminal_lines(value)
