"""Agreeing to run the code that a run keeps."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from torch import nn

from askattend.environment.packing import run_folder
from askattend.errors import ConfigError, RunError
from askattend.runs.own_code import OwnCode, read_attention, trust
from askattend.runs.run_folder import ATTENTION, read_config


def agree(run: str | Path, attention: str | Callable[..., nn.Module]) -> None:
    """Agree to run the attention of a run, which somebody has named and so has read.

    Args:
        run: the run folder.
        attention: ``"FILE.py:NAME"``, or the class: what the run was trained with.

    Raises:
        RunError: the run has no attention of somebody's own.
        ConfigError: the code cannot be read, or is not that of the run.
    """
    named, folder = OwnCode.of(attention), run_folder(run)
    kept = read_attention(folder / ATTENTION, read_config(folder))
    if kept is None:
        problem, remedy = "has its network's own attention", "Leave attention out."
        raise RunError(problem, where=run, remedy=remedy)
    if (named.name, named.source) != (kept.name, kept.source):
        raise ConfigError(
            "is not the code that the run was trained with",
            where=named.text,
            remedy=f"Name {kept.text}, which the run keeps.",
        )
    trust(kept.digest)
