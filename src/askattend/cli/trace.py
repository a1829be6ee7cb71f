"""``askattend trace``: a forward pass step by step."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Generic, TypeVar

import tyro

from askattend.cli.console import Form, parse, parse_form, print_json, print_notes
from askattend.cli.networks import check_network, network_forms
from askattend.cli.options import REQUIRED, Attention, BackboneName, Flat, Json, StoredFeatures
from askattend.errors import ConfigError
from askattend.models import Network, NetworkConfig, network_named
from askattend.runs.agreement import agree
from askattend.runs.answering import notes_on_float32
from askattend.runs.run_folder import Run
from askattend.tracing.random_data import RandomData, trace_random
from askattend.tracing.text import trace_lines
from askattend.tracing.trace import Trace
from askattend.tracing.trained_run import trace_run

M = TypeVar("M", bound=NetworkConfig)

# A trace of a run cannot do without these.
_NEEDED = ("run", "image", "question")
_OF_A_RUN = "askattend trace --run RUN --image FILE --question TEXT"

ABOUT = f"""\
Describe a forward pass step by step: the paper's symbol and equation, its meaning, our name for it,
its shape, the parameters that it reads, and its cost.

  askattend trace NETWORK [--batch-size 128] [--model.glimpses 2] … [--json]
  {_OF_A_RUN} [--json]
  askattend trace --run RUN --features STORE --image ID --question TEXT [--json]

The first form feeds a new network with random data; the networks have settings of their own, which
askattend trace NETWORK --help lists. The others ask a trained one, and show the values, too."""


@dataclass(frozen=True)
class TraceRandom(Generic[M]):
    """Describe the forward pass of a new network on random data."""

    model: M
    """Settings of the network."""
    data: Annotated[RandomData, Flat]
    json: Json = False


@dataclass(frozen=True)
class TraceRun:
    """Describe the forward pass of a trained network that is asked about an image."""

    run: Annotated[Path | None, tyro.conf.arg(help_behavior_hint=REQUIRED)] = None
    """The run folder."""
    image: Annotated[str | None, tyro.conf.arg(help_behavior_hint=REQUIRED)] = None
    """The image file; with --features, an image's id in that store."""
    question: Annotated[str | None, tyro.conf.arg(help_behavior_hint=REQUIRED)] = None
    """The question."""
    features: StoredFeatures = None
    backbone: BackboneName = None
    attention: Attention = None
    json: Json = False


def run(argv: list[str]) -> None:
    """Parse the command's options, trace, and print."""
    trace, json = _trace_run(argv) if _is_of_a_run(argv) else _trace_network(argv)
    print_notes(trace.notes or [])
    if json:
        print_json(trace)
    else:
        print("\n".join(trace_lines(trace)))


def _is_of_a_run(argv: list[str]) -> bool:
    """Return True for the form with --run, which may follow the name of the run's network."""
    if not argv or argv[0] in ("-h", "--help"):
        return False
    return argv[0].startswith("-") or _times_given("run", argv) > 0


def _times_given(option: str, argv: list[str]) -> int:
    return sum(word == f"--{option}" or word.startswith(f"--{option}=") for word in argv)


def _trace_network(argv: list[str]) -> tuple[Trace, bool]:
    """Trace a new network on random data; without its name, print help and exit."""
    networks = forms()
    if argv and argv[0] not in networks and ("/" in argv[0] or Path(argv[0]).exists()):
        remedy = f"Of a run: askattend trace --run {argv[0]} --image FILE --question TEXT."
        raise ConfigError(f"'{argv[0]}' is no network", remedy=remedy)
    check_network(argv)
    options: TraceRandom[Any] = parse_form(networks, argv, "trace", noun="network", about=ABOUT)
    return trace_random(options.model, options.data), options.json


def forms() -> dict[str, Form]:
    """Return the networks that a trace may be made of."""
    return network_forms(TraceRandom, _random_defaults)


def _random_defaults(network: type[Network]) -> TraceRandom[Any]:
    return TraceRandom(model=network.config_type()(), data=RandomData())


def _trace_run(argv: list[str]) -> tuple[Trace, bool]:
    """Trace a trained network; where its name is given, too, it must be the run's."""
    network = None if argv[0].startswith("-") else argv[0]
    kind = None if network is None else network_named(network)
    for name in _NEEDED:
        if (times := _times_given(name, argv)) > 1:
            remedy = "A trace is of one question about one image: make one for each."
            raise ConfigError(f"given {times} times", where=f"--{name}", remedy=remedy)
    options: TraceRun = parse(TraceRun, argv if network is None else argv[1:], "trace")
    if options.run is None or options.image is None or options.question is None:
        raise _incomplete(options, network)
    if options.attention is not None:
        agree(options.run, options.attention)
    print_notes(notes_on_float32(Run.load(options.run)))
    trace = trace_run(
        options.run,
        options.image,
        options.question,
        backbone=options.backbone,
        features=options.features,
    )
    if network and kind is not None and kind.__name__ != trace.network:
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
            remedy=f"For random data leave out --run; for the run: {_OF_A_RUN}.",
        )
    return ConfigError(
        f"no {missing} named",
        remedy="Give --run RUN --image FILE --question TEXT, or a network.",
    )
