"""The attention networks, one a file, each written to be read beside its paper.

A network is found by its name: every class in this folder that is a `Network`, and those that other
packages name in the entry-point group ``askattend.networks``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
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

GROUP = "askattend.networks"
Model: TypeAlias = Network
ModelConfig: TypeAlias = NetworkConfig


@cache
def networks() -> Mapping[str, type[Network]]:
    """Return every network by its name: this package's, then those of others.

    Raises:
        ConfigError: an entry point of another package does not give a network; names it.
    """
    found: dict[str, type[Network]] = {}
    for network in (*_own(), *_from_outside()):
        if found.setdefault(network.name, network) is not network:
            raise ConfigError(
                f"two networks are called '{network.name}'",
                where=f"{network.__module__}.{network.__name__}",
                remedy="Rename one, or remove the package that it comes from.",
            )
    return MappingProxyType(found)


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


def _from_outside() -> Iterator[type[Network]]:
    for entry in entry_points(group=GROUP):
        try:
            network = entry.load()
        except Exception as error:
            raise ConfigError(
                f"cannot be loaded ({type(error).__name__}: {error})",
                where=f"network '{entry.name}', {entry.value}",
                remedy="Mend or remove the package that it comes from.",
            ) from error
        if not (isinstance(network, type) and issubclass(network, Network)):
            raise ConfigError(
                "is not a subclass of askattend.Network",
                where=f"network '{entry.name}', {entry.value}",
                remedy="Mend or remove the package that it comes from.",
            )
        yield network


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
