"""``askattend trace``: a forward pass told step by step."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Generic, TypeVar

from askattend.cli.console import Flat, parse, print_json
from askattend.errors import ConfigError, nearest
from askattend.models import MODELS, ModelConfig
from askattend.trace import RandomData, Trace, lines, trace_random, trace_run

M = TypeVar("M", bound=ModelConfig)

USAGE = """\
usage: askattend trace saaa|san [--batch-size 128] [--model.glimpses 2] … [--json]
       askattend trace --run RUN --image FILE --question TEXT [--json]

Tells a forward pass step by step: the paper's symbol and equation, what it means, our name for it,
its shape, the parameters that it reads, and what it costs. The first form feeds a new network with
random data, the second asks a trained one and shows the values, too.

All options: askattend trace saaa --help"""


@dataclass(frozen=True)
class TraceRandom(Generic[M]):
    """Tell the forward pass of a new network on random data."""

    model: M
    """Settings of the network."""
    data: Annotated[RandomData, Flat]
    json: bool = False
    """Print one JSON object."""


@dataclass(frozen=True)
class TraceRun:
    """Tell the forward pass of a trained network that is asked about an image."""

    run: Path | None = None
    """The run folder; needed."""
    image: Path | None = None
    """The image file; needed."""
    question: str | None = None
    """The question; needed."""
    json: bool = False
    """Print one JSON object."""


def run(argv: list[str]) -> None:
    """Parse the command's options, trace, and print."""
    if not argv or argv[0] in ("-h", "--help"):
        print(USAGE)
        return
    if not argv[0].startswith("-") and argv[0] not in MODELS:
        raise ConfigError(f"unknown network '{argv[0]}'", remedy=nearest(argv[0], MODELS))
    network = argv[0] if argv[0] in MODELS else None
    rest = argv[1:] if network else argv
    asked = any(word == "--run" or word.startswith("--run=") for word in rest)
    if network and not asked:
        trace, json = _random(network, rest)
    else:
        trace, json = _real(rest, network)
    if json:
        print_json(trace)
    else:
        print("\n".join(lines(trace)))


def _random(network: str, argv: list[str]) -> tuple[Trace, bool]:
    kind: Any = TraceRandom
    model = MODELS[network][0]
    default = TraceRandom(model=model(), data=RandomData())
    options: TraceRandom[Any] = parse(kind[model], argv, f"trace {network}", default=default)
    return trace_random(options.model, options.data), options.json


def _real(argv: list[str], network: str | None) -> tuple[Trace, bool]:
    options: TraceRun = parse(TraceRun, argv, "trace")
    if options.run is None or options.image is None or options.question is None:
        missing = next(
            name for name in ("run", "image", "question") if getattr(options, name) is None
        )
        raise ConfigError(
            f"no {missing} named",
            remedy="Give --run RUN --image FILE --question TEXT, or a network (saaa or san).",
        )
    trace = trace_run(options.run, options.image, options.question)
    if network is not None and trace.network.lower() != network:
        raise ConfigError(
            f"the run's network is {trace.network}, not {network.upper()}",
            where=options.run,
            remedy="Leave the network's name out.",
        )
    return trace, options.json
