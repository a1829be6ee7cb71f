"""``askattend train``: learn to answer questions."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Generic, TypeVar

import msgspec
import tyro
from rich.console import Console

from askattend.cli.console import Form, parse_form, print_json, print_notes, progress
from askattend.cli.interruption import resumable_training
from askattend.cli.networks import check_network, network_forms
from askattend.cli.options import REQUIRED, Flat, Json
from askattend.errors import ConfigError, RunError
from askattend.experiment.config import Config, config_from, preset_for, presets, read_preset
from askattend.experiment.recipe import decided_by_recipe
from askattend.experiment.search.budget import parse_duration
from askattend.experiment.search.search import search
from askattend.experiment.search.trials import STATE
from askattend.experiment.train import train
from askattend.models import Network, NetworkConfig, model_name, networks
from askattend.runs.own_code import OwnCode, trust
from askattend.runs.run_folder import CONFIG, Run, read_config
from askattend.training.history import read_history
from askattend.training.joining import joined
from askattend.training.processes import Processes
from askattend.training.rendezvous import restarted

# The word for any of these networks, of which a search chooses.
ANY, ANY_OF = "any", ("saaa", "san")
# Of options that are the settings' own, what only this command knows.
ARGUMENTS = {
    "data": tyro.conf.arg(
        metavar="SOURCE", help_behavior_hint="(required, unless a preset names it)"
    ),
    "attention": tyro.conf.arg(metavar="FILE.py:NAME"),
}

M = TypeVar("M", bound=NetworkConfig)


@dataclass(frozen=True)
class Train(Generic[M]):
    """Train a network and leave a run folder that answers questions."""

    config: Annotated[Config[M], Flat]
    out: Annotated[Path | None, tyro.conf.arg(metavar="RUN", help_behavior_hint=REQUIRED)] = None
    """The run folder."""
    preset: str | None = None
    """Settings to start from: a name, or a TOML file; options given here come on top."""
    resume: bool = False
    """Go on where an earlier training of this folder stopped, or its search."""
    search: str | None = None
    """Try other settings, too, for so long (90s, 15m, 2h), and keep a run of the best: widths,
    dropout, rates, epochs, features. What is given as an option stays as it is."""
    search_folds: Annotated[int, msgspec.Meta(ge=1)] | None = None
    """Folds by image that a search validates on; by default 3 below 2,000 training questions, else
    1, the training's own validation split."""
    json: Json = False


def run(argv: list[str]) -> None:
    """Parse the command's options on top of a preset or a run to be resumed, and train.

    Started by torchrun, several processes train together; started anew by it, they go on.

    Raises:
        AskAttendError: a setting, the data or the run folder does not fit.
    """
    with joined(argv) as processes:
        if restarted(os.environ) and "--resume" not in argv:
            argv = [*argv, "--resume"]
        # Parsed once, so that help and mistakes are printed once, and a run to be resumed need be
        # seen by the first process alone.
        starts = processes.first_does(lambda: _starts(argv))
        options, out = starts[0], _check(starts[0], argv, processes)
        with resumable_training(argv, out):
            if options.search is not None:
                _search(starts, out, options.search, argv)
            else:
                train(
                    options.config,
                    out,
                    resume=options.resume,
                    console=progress() if processes.first else Console(quiet=True),
                    on_top=lambda recipe: _on_top(recipe, options, argv),
                    processes=processes,
                )
        if options.json and processes.first:
            print_json(_trained(out))


def _trained(folder: Path) -> dict[str, Any]:
    """Return what training leaves, for `--json`: accuracies are on validation, 0 to 1."""
    run = Run.load(folder)
    history = read_history(run)
    kept = history.best
    return {
        "run": str(folder),
        "network": run.config["network"],
        "epochs": len(history.epochs),
        "kept_epoch": None if kept is None else kept.epoch,
        "metric": history.metric,
        "valid_accuracy": None if kept is None else kept.valid_accuracy,
    }


def _starts(argv: list[str]) -> list[Train[Any]]:
    """Return the options for the network named, or for each that a search chooses from."""
    if argv[:1] == [ANY]:
        starts = [_parse([name, *argv[1:]]) for name in ANY_OF]
    else:
        check_network(argv)
        starts = [_parse(argv)]
    if starts[0].out is None:
        raise ConfigError("no run folder named", remedy="Add --out RUN.")
    for each in starts:
        _note_better_preset(each)
    _refuse_two_starts(starts[0], argv)
    return starts


def _check(options: Train[Any], argv: list[str], processes: Processes) -> Path:
    """Refuse options that do not fit; agree to code that is typed; return the run folder."""
    out = options.out
    assert out is not None, "refused before"
    if typed := _typed_attention(argv):
        trust(OwnCode.named(typed).digest)
    if options.search is None:
        processes.first_does(lambda: _refuse_without_search(options, argv, out))
    elif processes.count > 1:
        raise ConfigError(
            f"{processes.count} processes cannot search together",
            where="--search",
            remedy="Search in one process; then train what it found in many.",
        )
    return out


def _on_top(recipe: Config[Any], options: Train[Any], argv: list[str]) -> Config[Any]:
    """Put preset and options once more on top of what the size of the data has chosen."""
    name = model_name(recipe.model)
    start = recipe if not options.preset else read_preset(options.preset, name, base=recipe)
    return _keep(start, argv)


def _keep(drawn: Config[Any], argv: list[str]) -> Config[Any]:
    return _parse([model_name(drawn.model), *argv[1:]], drawn).config


def _parse(argv: list[str], start: Config[Any] | None = None) -> Train[Any]:
    """Read the options for a network, on top of settings or of what options say to start from."""

    def default(network: type[Network]) -> Train[Any]:
        return Train(config=start or _starting_config(network, argv))

    about = f"Train a network, or any with --search. Presets: {', '.join(presets())}."
    options: Train[Any] = parse_form(
        network_forms(Train, default),
        argv,
        "train",
        noun="network",
        about=about,
        arguments={**ARGUMENTS, **_hints_of_recipe(argv)},
    )
    return options


def _hints_of_recipe(argv: list[str]) -> dict[str, Any]:
    """Say in help which settings the recipe chooses, unless a preset or a run has done so."""
    if not {"-h", "--help"} & set(argv) or (network := networks().get(argv[0])) is None:
        return {}
    start, plain = _starting_config(network, argv), Config(model=network.config_type()())
    if start.recipe != "auto":
        return {}
    hint = tyro.conf.arg(help_behavior_hint=lambda own: f"(default: by the recipe; paper: {own})")
    parts = {type(own): (own, mine) for own, mine in zip(_parts(plain), _parts(start), strict=True)}
    return {
        f"{kind.__name__}.{name}": hint
        for kind, names in decided_by_recipe(plain).items()
        for name in names
        if len({getattr(part, name) for part in parts[kind]}) == 1
    }


def _parts(config: Config[Any]) -> tuple[Any, ...]:
    return config, config.model, config.train


def forms() -> dict[str, Form]:
    """Return the networks that may be trained, and ``any``."""
    found = network_forms(Train, lambda network: Train(config=_starting_config(network, [])))
    return {**found, ANY: found[ANY_OF[0]]}


def _search(starts: Sequence[Train[Any]], out: Path, budget: str, argv: list[str]) -> None:
    options = starts[0]
    search(
        options.config,
        out,
        seconds=parse_duration(budget),
        console=progress(),
        also=[each.config for each in starts[1:]],
        folds=options.search_folds,
        resume=options.resume,
        on_top=lambda recipe: _on_top(recipe, options, argv),
        keep=lambda drawn: _keep(drawn, argv),
    )


def _refuse_without_search(options: Train[Any], argv: list[str], out: Path) -> None:
    if argv[0] == ANY or options.search_folds:
        what = f"'{ANY}' network" if argv[0] == ANY else "--search-folds"
        raise ConfigError(f"{what} is for a search alone", remedy="Add --search 15m.")
    if (out / STATE).exists() and not (out / CONFIG).exists():
        raise RunError(
            "holds an unfinished search", where=out, remedy="Add --search and its budget."
        )


def _refuse_two_starts(options: Train[Any], argv: list[str]) -> None:
    if options.preset and any(word.partition("=")[0] == "--recipe" for word in argv):
        raise ConfigError(
            f"--preset {options.preset} and --recipe both choose the settings",
            remedy="Leave one of them out.",
        )


def _note_better_preset(options: Train[Any]) -> None:
    if options.preset and (better := preset_for(options.preset, options.config.model)):
        encoder = options.config.model.encoder
        note = f"{options.preset} is not made for the encoder {encoder}: {better} is,"
        print_notes([f"{note} learning rate included"])


def _typed_attention(argv: list[str]) -> str | None:
    """Return the attention that these words name; a preset's or a run's is somebody else's."""
    early = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    early.add_argument("--attention")
    given, _ = early.parse_known_args(argv)
    return given.attention or None


def _starting_config(network: type[Network], argv: list[str]) -> Config[Any]:
    """Return the settings that options come on top of: a preset's, a run's, or the defaults."""
    # tyro must know the defaults before it parses; these options decide on them.
    early = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    early.add_argument("--preset")
    early.add_argument("--resume", action="store_true")
    early.add_argument("--out", type=Path)
    early.add_argument("--search")
    try:
        given, _ = early.parse_known_args(argv)
    except argparse.ArgumentError:  # an option without its value: the real parser says so better
        return Config(model=network.config_type()(), recipe="auto")
    begun = None
    # A search reads the settings of its run itself.
    if given.resume and given.search is None and given.out and (given.out / CONFIG).is_file():
        begun = config_from(read_config(given.out), network.name, where=str(given.out / CONFIG))
    if given.preset:
        return read_preset(given.preset, network.name, base=begun)
    return begun or Config(model=network.config_type()(), recipe="auto")
