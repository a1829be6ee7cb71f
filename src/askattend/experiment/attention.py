"""An attention of one's own in an experiment: where its code is, and what the check says of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

from rich.console import Console
from torch import nn

from askattend.checking import NetworkName, check
from askattend.errors import ConfigError
from askattend.experiment.config import Config
from askattend.models import model_name, network_named
from askattend.runs.own_code import OwnCode, read_attention
from askattend.runs.run_folder import ATTENTION, Run


def own_attention(config: Config[Any], out: Path) -> OwnCode | None:
    """Read the code that the settings name; None where the network has its own attention.

    Settings may be somebody else's: who calls this agrees to the code that their user has named.

    Args:
        config: names ``FILE.py:NAME``; of a run that goes on, the name alone of what it keeps.
        out: the run folder.

    Raises:
        ConfigError: the file cannot be read, or the network takes no other attention.
    """
    if not config.attention:
        return None
    if ":" not in config.attention and (out / ATTENTION).is_file():
        return read_attention(out / ATTENTION, {"attention": config.attention})
    code = OwnCode.named(config.attention)
    _modules(config, 1, lambda _: nn.Identity())
    return code


def try_out(run: Run, config: Config[Any], console: Console) -> None:
    """Check the run's own attention, and say what is wrong with it before it is trained.

    Raises:
        UntrustedCodeError: nobody here has agreed to run it.
        ConfigError: it cannot be made or called, or gives other scores than one for every region,
            glimpse by glimpse.
    """
    made: list[tuple[nn.Module, Mapping[str, Any]]] = []
    network = model_name(config.model)
    if run.attention is None or network not in get_args(NetworkName):
        return
    code = run.attention

    def make(sizes: Mapping[str, Any]) -> nn.Module:
        made.append((code.make(sizes), sizes))
        return made[-1][0]

    _modules(config, run.features.input_dim, make)
    module, sizes = made[0]
    names = ("region_dim", "question_dim", "glimpses")
    chosen: Any = network
    report = check(module, network=chosen, **{name: sizes[name] for name in names})
    for finding in report.failed:
        if finding.name == "shape":
            raise ConfigError(finding.explanation, where=code.text, remedy="See askattend.check.")
        console.print(f"note: {code.name}: {finding}", highlight=False)


def _modules(config: Config[Any], region_dim: int, make: Any) -> None:
    network = network_named(model_name(config.model))
    network.own_attention(config.model, region_dim=region_dim, make=make)
