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
from askattend.experiment.evaluate import evaluate_run
from askattend.metrics.calibration import Abstention
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
        print_json(evaluation.metrics)
    else:
        print(_table(evaluation.metrics))
        print(f"report: {options.run / 'report.html'}")


def _table(metrics: Metrics) -> str:
    lines = [f"{metrics.source}, {metrics.split}: {metrics.questions:,} questions"]
    if metrics.accuracy is None:
        return "\n".join([*lines, "the split has no answers: nothing to score"])
    assert metrics.coverage is not None
    rows = [
        (f"accuracy ({metrics.metric})", metrics.accuracy),
        *((f"  {name}", share.accuracy) for name, share in metrics.by_answer_type.items()),
        *((FLOORS[name], value) for name, value in (metrics.floors or {}).items()),
        ("most common answer in the vocabulary", metrics.coverage),
        *_ceiling(metrics),
        *_trust(metrics),
    ]
    lines += [f"{name:<38}{value:>8.2%}" for name, value in rows]
    assert metrics.interval is not None
    lines[1] += f"  {interval_text(metrics.interval)}"
    return "\n".join([*lines, *_abstention(metrics.abstention)])


def _ceiling(metrics: Metrics) -> Iterator[tuple[str, float]]:
    if metrics.ceiling is not None:
        yield "ceiling: its best answer, each time", metrics.ceiling


def _abstention(found: Abstention | None) -> Iterator[str]:
    """What saying "not sure" amounts to, where there is a risk to stay within."""
    if found is None:
        return
    threshold = f"from a probability of {found.threshold:.2%}"
    threshold = "with any" if found.threshold == 0 else threshold
    threshold = "no probability is enough" if found.threshold > 1 else threshold
    yield (
        f"{f'answered, {found.risk:.1%} of them wrong at most':<38}{found.coverage:>8.2%}   "
        f"({threshold}; of validation {found.valid_coverage:.2%})"
    )
    if found.achieved_risk is not None:
        yield f"{'  wrong among those':<38}{found.achieved_risk:>8.2%}"


def _trust(metrics: Metrics) -> Iterator[tuple[str, float]]:
    """How far probabilities can be trusted, and attention against boxes, where that is known."""
    if metrics.reliability is not None:
        yield "expected calibration error", metrics.reliability.calibration_error
    if metrics.grounding is not None:
        best = max(agreement.inside for agreement in metrics.grounding.maps)
        yield "attention inside the boxes, best map", best
        yield "  attending everywhere alike", metrics.grounding.uniform.inside
