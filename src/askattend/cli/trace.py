"""``askattend trace``: a forward pass told step by step."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Generic, TypeVar

from askattend.cli.console import Flat, parse, print_json
from askattend.errors import ConfigError, did_you_mean
from askattend.models import NetworkConfig, network_named, networks
from askattend.tracing.text import lines
from askattend.tracing.trace import RandomData, Trace, trace_random, trace_run

M = TypeVar("M", bound=NetworkConfig)

# What the trace of a run cannot do without.
_NEEDED = ("run", "image", "question")

USAGE = """\
usage: askattend trace saaa|san [--batch-size 128] [--model.glimpses 2] … [--json]
       askattend trace --run RUN --image FILE --question TEXT [--json]
       askattend trace --run RUN --features STORE --image ID --question TEXT [--json]

Tells a forward pass step by step: the paper's symbol and equation, what it means, our name for it,
its shape, the parameters that it reads, and what it costs. The first form feeds a new network with
random data, the second asks a trained one and shows the values, too.

All options: askattend trace saaa --help, or askattend trace san --help; the two networks have
settings of their own."""


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
    image: str | None = None
    """The image file; with --features, an image's id in that store; needed."""
    question: str | None = None
    """The question; needed."""
    features: Path | None = None
    """Answer from the features of this store; no picture is needed."""
    backbone: str | None = None
    """The run's backbone, where it does not know it or knows it by another name."""
    json: bool = False
    """Print one JSON object."""


def run(argv: list[str]) -> None:
    """Parse the command's options, trace, and print."""
    if not argv or argv[0] in ("-h", "--help"):
        print(USAGE)
        return
    network = None if argv[0].startswith("-") else _network(argv[0])
    rest = argv[1:] if network else argv
    if network and not _times_given("run", rest):
        trace, json = _random(network, rest)
    else:
        trace, json = _real(rest, network)
    for note in trace.notes or []:
        print(f"note: {note}", file=sys.stderr)
    if json:
        print_json(trace)
    else:
        print("\n".join(lines(trace)))


def _network(word: str) -> str:
    if word in networks():
        return word
    if "/" in word or Path(word).exists():
        remedy = f"Of a run: askattend trace --run {word} --image FILE --question TEXT."
        raise ConfigError(f"'{word}' is no network", remedy=remedy)
    raise ConfigError(f"unknown network '{word}'", remedy=did_you_mean(word.lower(), networks()))


def _times_given(option: str, argv: list[str]) -> int:
    return sum(word == f"--{option}" or word.startswith(f"--{option}=") for word in argv)


def _random(network: str, argv: list[str]) -> tuple[Trace, bool]:
    kind: Any = TraceRandom
    model = network_named(network).config_type()
    default = TraceRandom(model=model(), data=RandomData())
    options: TraceRandom[Any] = parse(kind[model], argv, f"trace {network}", default=default)
    return trace_random(options.model, options.data), options.json


def _real(argv: list[str], network: str | None) -> tuple[Trace, bool]:
    for name in _NEEDED:
        if (times := _times_given(name, argv)) > 1:
            remedy = "A trace is of one question about one image: make one for each."
            raise ConfigError(f"given {times} times", where=f"--{name}", remedy=remedy)
    options: TraceRun = parse(TraceRun, argv, "trace")
    if options.run is None or options.image is None or options.question is None:
        raise _incomplete(options, network)
    trace = trace_run(
        options.run,
        options.image,
        options.question,
        backbone=options.backbone,
        features=options.features,
    )
    if network is not None and trace.network.lower() != network:
        raise ConfigError(
            f"the run's network is {trace.network}, not {network.upper()}",
            where=options.run,
            remedy="Leave the network's name out.",
        )
    return trace, options.json


def _incomplete(options: TraceRun, network: str | None) -> ConfigError:
    missing = next(name for name in _NEEDED if getattr(options, name) is None)
    if network is not None:
        return ConfigError(
            f"both a network ({network}) and a run ({options.run}) are named, and no {missing}",
            remedy="For random data leave out --run; for the run: "
            "askattend trace --run RUN --image FILE --question TEXT.",
        )
    return ConfigError(
        f"no {missing} named",
        remedy="Give --run RUN --image FILE --question TEXT, or a network (saaa or san).",
    )
