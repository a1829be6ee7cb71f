"""The attention networks, one a file, each written to be read beside its paper.

A network is found by its name: every class in this folder that is a `Network`, and those that other
packages name in the entry-point group ``askattend.networks``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from types import MappingProxyType
from typing import Any

from torch import nn

from askattend.errors import ConfigError, did_you_mean
from askattend.models.baselines import (
    ImageOnly,
    ImageOnlyConfig,
    QuestionOnly,
    QuestionOnlyConfig,
)
from askattend.models.network import ImageEncoding, Network, NetworkConfig, Output
from askattend.models.saaa import SAAA, SAAAConfig
from askattend.models.san import SAN, SANConfig
from askattend.registry import Registry


@cache
def networks() -> Mapping[str, type[Network]]:
    """Return every network by its name: this package's, then those of others.

    Another package's that is broken is left out; `network_named` says what is wrong with it.
    """
    registered = _registry().items()
    return MappingProxyType({name: n for name, n in registered if network_name(n) == name})


def network_named(name: str, *, where: object = None) -> type[Network]:
    """Find a network by its name.

    Raises:
        ConfigError: there is none of that name (names the nearest); or another package's entry
            point gives no network, or one that calls itself something else.
    """
    network = _registry().find(name)
    if network is None:
        remedy = did_you_mean(name.lower(), networks())
        raise ConfigError(f"unknown network '{name}'", where=where, remedy=remedy)
    if (own := network_name(network)) != name:
        raise ConfigError(
            f"is called '{own}' by its class, '{name}' by its entry point",
            where=f"network {network.__module__}.{network.__name__}",
            remedy="Give both the same name.",
        )
    return network


def network_name(network: type[Network]) -> str:
    """Return the name that a network gives itself; empty if it forgot."""
    return getattr(network, "name", "")


@cache
def _registry() -> Registry[type[Network]]:
    own = {network.name: f"{network.__module__}:{network.__name__}" for network in _own()}
    return Registry("askattend.networks", Network, own)


def model_name(config: NetworkConfig) -> str:
    """Return the name of the network that `config` is for: ``"saaa"``, ``"san"``, …."""
    return next(n for n, network in networks().items() if network.config_type() is type(config))


def build_model(
    config: NetworkConfig,
    *,
    words: int,
    answers: int,
    region_dim: int,
    make_attention: Callable[[Mapping[str, Any]], nn.Module] | None = None,
) -> Network:
    """Make the network that `config` describes, freshly initialised.

    Args:
        config: widths and dropout.
        words: the size of the word vocabulary, padding and unknown words included.
        answers: the size of the answer vocabulary (M in the papers).
        region_dim: the width of a region's feature (2048 in SAAA, 512 in SAN).
        make_attention: makes attention modules of one's own, see `Network.own_attention`.

    Raises:
        ConfigError: the network takes no attention of one's own, and is given one.
    """
    network = networks()[model_name(config)]
    more = {}
    if make_attention is not None:
        more["attention"] = network.own_attention(
            config, region_dim=region_dim, make=make_attention
        )
    return network(config, words=words, answers=answers, region_dim=region_dim, **more)


def _own() -> list[type[Network]]:
    """Find the networks of this folder; those that attend first."""
    modules = [import_module(f"{__name__}.{found.name}") for found in iter_modules(__path__)]
    classes = [
        value
        for module in modules
        for value in vars(module).values()
        # A module also holds the classes that it imports.
        if isinstance(value, type) and value.__module__ == module.__name__
    ]
    own = [value for value in classes if issubclass(value, Network) and value is not Network]
    return sorted(own, key=lambda network: (not network.attends, network.name))


__all__ = [
    "SAAA",
    "SAN",
    "ImageEncoding",
    "ImageOnly",
    "ImageOnlyConfig",
    "Network",
    "NetworkConfig",
    "Output",
    "QuestionOnly",
    "QuestionOnlyConfig",
    "SAAAConfig",
    "SANConfig",
    "build_model",
    "model_name",
    "network_named",
    "networks",
]
