"""An attention of one's own in an experiment: where its code is, and what the check says of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import torch
from rich.console import Console
from torch import nn
from torch.nn.parameter import is_lazy

from askattend.checking import FATAL, NetworkName, check
from askattend.environment.console import print_line
from askattend.errors import ConfigError, RunError
from askattend.experiment.config import Config
from askattend.experiment.features import planned_spec
from askattend.files import atomic_write
from askattend.models import model_name, network_named
from askattend.runs.own_code import OwnCode, read_attention
from askattend.runs.run_folder import ATTENTION, begin_run


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


def kept_attention(starts: Iterable[Config[Any]], out: Path) -> OwnCode | None:
    """Write the code that settings name to a folder, so that what is tried there stays the same.

    Args:
        starts: settings, all of which name the same attention, or none.
        out: the folder, in which an earlier, interrupted search may have kept it.

    Raises:
        ConfigError: see `own_attention`.
        RunError: what was kept there is another code.
    """
    codes = [own_attention(start, out) for start in starts if start.attention]
    if not codes or codes[0] is None:
        return None
    code, kept = codes[0], out / ATTENTION
    if kept.is_file() and OwnCode.read(kept, code.name).source != code.source:
        raise RunError(
            "is not the attention's code that the search was begun with",
            where=code.text,
            remedy=f"Resume with --attention {kept}:{code.name}, or choose another --out.",
        )
    begin_run(out)
    atomic_write(kept, code.source.encode())
    return code


def with_kept(code: OwnCode | None, config: Config[Any]) -> Config[Any]:
    """Return settings that name the code as the run folder keeps it: by its name alone."""
    return config if code is None else replace(config, attention=code.name)


def try_out(code: OwnCode | None, config: Config[Any], console: Console) -> None:
    """Check an attention of one's own with random regions, before any picture is looked at.

    The regions are as many and as wide as the features will be. What is wrong but can be trained
    is told in notes.

    Args:
        code: of the attention; None where the network has its own.
        config: settings as they will be used.
        console: where notes go.

    Raises:
        UntrustedCodeError: nobody here has agreed to run it.
        ConfigError: it cannot be made or called, or gives other scores than one for every region,
            glimpse by glimpse.
        FeatureError: the store or the backbone is not to be had.
    """
    if code is None:
        return
    made: list[tuple[nn.Module, Mapping[str, Any]]] = []

    def make(sizes: Mapping[str, Any]) -> nn.Module:
        made.append((code.make(sizes), sizes))
        return made[-1][0]

    spec = planned_spec(config)
    _modules(config, spec.input_dim, make)
    network: Any = model_name(config.model)
    if network not in get_args(NetworkName):
        return  # another package's, whose inputs are not known here
    module, sizes = made[0]
    _give_sizes(module, spec.regions, sizes, code)
    given = {name: sizes[name] for name in ("region_dim", "question_dim", "glimpses")}
    report = check(module, network=network, regions=spec.regions, **given)
    fatal = [finding.explanation for finding in report.failed if finding.name in FATAL]
    if fatal:
        problem = "; ".join(fatal).rstrip(".")
        raise ConfigError(problem, where=code.text, remedy="See askattend.check.")
    for finding in report.failed:
        print_line(console, f"note: {code.name}: {finding}")


def _give_sizes(module: Any, regions: int, sizes: Mapping[str, Any], code: OwnCode) -> None:
    """Call a module with lazy layers once, from which they learn their sizes."""
    if not any(map(is_lazy, module.parameters())) or hasattr(module, "project"):
        return
    widths = sizes["region_dim"], sizes["question_dim"]
    try:
        with torch.no_grad():
            module.eval()(torch.zeros(1, regions, widths[0]), torch.zeros(1, widths[1]))
    except Exception as error:  # whatever somebody's own forward raises
        problem = f"cannot be called ({type(error).__name__}: {str(error).rstrip('.')})"
        raise ConfigError(problem, where=code.text, remedy="See askattend.check.") from error


def _modules(config: Config[Any], region_dim: int, make: Any) -> None:
    network = network_named(model_name(config.model))
    network.own_attention(config.model, region_dim=region_dim, make=make)
