"""The networks as forms of a command: each has settings of its own."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from askattend.cli.console import Form
from askattend.models import MODELS


def network_forms(options: Any, default: Callable[[str], Any]) -> dict[str, Form]:
    """Make one form of a command for each network.

    Args:
        options: a generic dataclass of options, for any type of a network's settings.
        default: a network's name → the options' defaults.
    """
    return {
        name: Form(options[config], _summary(network), partial(default, name))
        for name, (config, network) in MODELS.items()
    }


def _summary(network: object) -> str:
    return (network.__doc__ or "").partition("\n")[0]
