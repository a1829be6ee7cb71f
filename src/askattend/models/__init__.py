"""The attention networks, one a file, each written to be read beside its paper.

A network is found by its name: every class in this folder that is a `Network`, and those that other
packages name in the entry-point group ``askattend.networks``.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from types import MappingProxyType
from typing import TypeAlias

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

Model: TypeAlias = Network
ModelConfig: TypeAlias = NetworkConfig


@cache
def networks() -> Mapping[str, type[Network]]:
    """Return every network by its name: this package's, then those of others.

    Raises:
        ConfigError: an entry point of another package does not give a network, or gives it another
            name than its own; names it.
    """
    own = {network.name: f"{network.__module__}:{network.__name__}" for network in _own()}
    registry = Registry[type[Network]]("askattend.networks", Network, own)
    found = {name: registry.find(name) for name in registry.names()}
    for name, network in found.items():
        assert network is not None
        if network.name != name:
            raise ConfigError(
                f"is called '{network.name}' by its class, '{name}' by its entry point",
                where=f"network {network.__module__}.{network.__name__}",
                remedy="Give both the same name.",
            )
    return MappingProxyType({name: network for name, network in found.items() if network})


def network_named(name: str, *, where: object = None) -> type[Network]:
    """Find a network by its name.

    Raises:
        ConfigError: there is none of that name; names the nearest.
    """
    if name not in networks():
        remedy = did_you_mean(name, networks())
        raise ConfigError(f"unknown network '{name}'", where=where, remedy=remedy)
    return networks()[name]


def model_name(config: NetworkConfig) -> str:
    """Return the name of the network that `config` is for: ``"saaa"``, ``"san"``, …."""
    return next(n for n, network in networks().items() if network.config_type() is type(config))


def build_model(config: NetworkConfig, *, words: int, answers: int, region_dim: int) -> Network:
    """Make the network that `config` describes, freshly initialised.

    Args:
        config: widths and dropout.
        words: the size of the word vocabulary, padding and unknown words included.
        answers: the size of the answer vocabulary (M in the papers).
        region_dim: the width of a region's feature (2048 in SAAA, 512 in SAN).
    """
    network = networks()[model_name(config)]
    return network(config, words=words, answers=answers, region_dim=region_dim)


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
    "Model",
    "ModelConfig",
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
