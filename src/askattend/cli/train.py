"""``askattend train``: learn to answer questions."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Generic, TypeVar

from askattend.cli.console import parse_form, print_notes, progress
from askattend.cli.networks import check_network, network_forms
from askattend.cli.options import Flat
from askattend.errors import ConfigError
from askattend.experiment.config import Config, config_from, preset_for, presets, read_preset
from askattend.experiment.train import train
from askattend.models import Network, NetworkConfig, model_name
from askattend.runs.run_folder import CONFIG, read_config

M = TypeVar("M", bound=NetworkConfig)


@dataclass(frozen=True)
class Train(Generic[M]):
    """Train a network and leave a run folder that answers questions."""

    config: Annotated[Config[M], Flat]
    out: Path | None = None
    """The run folder; needed."""
    preset: str | None = None
    """Settings to start from: a name, or a TOML file; options given here come on top."""
    resume: bool = False
    """Go on where an earlier training of this folder stopped."""


def run(argv: list[str]) -> None:
    """Parse the command's options on top of a preset or a run to be resumed, and train.

    Raises:
        AskAttendError: a setting, the data or the run folder does not fit.
    """
    check_network(argv)
    about = f"Train a network. Presets: {', '.join(presets())}."
    forms = network_forms(Train, lambda network: Train(config=_starting_config(network, argv)))
    options: Train[Any] = parse_form(forms, argv, "train", noun="network", about=about)
    if options.out is None:
        raise ConfigError("no run folder named", remedy="Add --out RUN.")
    _note_better_preset(options)
    _refuse_two_starts(options, argv)

    def on_top(recipe: Config[Any]) -> Config[Any]:
        # The preset and the same words once more, on top of what the size of the data has chosen.
        name = model_name(recipe.model)
        start = recipe if not options.preset else read_preset(options.preset, name, base=recipe)
        forms = network_forms(Train, lambda _: Train(config=start))
        again: Train[Any] = parse_form(forms, argv, "train", noun="network", about=about)
        return again.config

    train(
        options.config,
        options.out,
        resume=options.resume,
        console=progress(),
        on_top=on_top,
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


def _starting_config(network: type[Network], argv: list[str]) -> Config[Any]:
    """Return the settings that options come on top of: a preset's, a run's, or the defaults."""
    # tyro must know the defaults before it parses; these three options decide on them.
    early = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    early.add_argument("--preset")
    early.add_argument("--resume", action="store_true")
    early.add_argument("--out", type=Path)
    try:
        given, _ = early.parse_known_args(argv)
    except argparse.ArgumentError:  # an option without its value: the real parser says so better
        return Config(model=network.config_type()(), recipe="auto")
    begun = None
    if given.resume and given.out and (given.out / CONFIG).is_file():
        begun = config_from(read_config(given.out), network.name, where=str(given.out / CONFIG))
    if given.preset:
        return read_preset(given.preset, network.name, base=begun)
    return begun or Config(model=network.config_type()(), recipe="auto")
