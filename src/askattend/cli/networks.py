"""The networks as forms of a command: each has settings of its own."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from askattend.cli.console import Form
from askattend.models import Network, network_named, networks


def network_forms(options: Any, default: Callable[[type[Network]], Any]) -> dict[str, Form]:
    """Make one form of a command for each network.

    Args:
        options: a generic dataclass of options, for any type of a network's settings.
        default: a network → the options' defaults.
    """
    return {
        name: Form(options[network.config_type()], _summary(network), partial(default, network))
        for name, network in networks().items()
    }


def check_network(argv: list[str]) -> None:
    """Refuse a first word that names no network; say so where another package's is broken.

    Raises:
        ConfigError: see `network_named`.
    """
    if argv and not argv[0].startswith("-"):
        network_named(argv[0])


def _summary(network: type[Network]) -> str:
    return (network.__doc__ or "").partition("\n")[0]
