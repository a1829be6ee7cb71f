"""The settings of a whole experiment, assembled from its components' own dataclasses."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar, get_args

from askattend.environment.home import expanded
from askattend.errors import ConfigError, did_you_mean
from askattend.features.extraction import ExtractConfig
from askattend.models import NetworkConfig, model_name, network_named
from askattend.settings import (
    Fraction,
    Natural,
    Positive,
    check,
    from_mapping,
    read_toml,
    to_mapping,
)
from askattend.training.config import TrainConfig

M = TypeVar("M", bound=NetworkConfig)
RecipeName = Literal["auto", "small", "medium", "large", "paper"]


@dataclass(frozen=True)
class VocabConfig:
    """Settings of the vocabularies, and of the questions to train and validate on."""

    answers: Positive = 3000
    """Number of most common answers it can give (M)."""
    min_count: Positive = 1
    """Times a word must occur in the training questions not to be unknown."""
    vectors: str = "none"
    """Word vectors that embeddings begin as: none (the papers), glove (GloVe, of the extra words)
    or a text file; questions' unseen words are read by them, too."""
    train_on: str = "train"
    """The splits to learn from, joined by '+': train+valid holds valid_fraction of both back."""
    valid_fraction: Fraction = 0.1
    """Share of the training images held back, where the source has no validation split."""
    valid_seed: Natural = 0
    """Chooses which images are held back."""

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True)
class Config(Generic[M]):
    """All settings of an experiment."""

    model: M
    """Settings of the network."""
    data: str = ""
    """Source of the questions: a SOURCE, as `askattend data --help` lists them."""
    recipe: RecipeName = "paper"
    """Settings to start from: auto chooses those for a small, medium or large set by its number of
    questions; paper leaves the papers'. Other options come on top."""
    seeds: Positive = 1
    """Networks trained beforehand, with seeds of their own; the run's network is distilled from
    what they answer together. 1 trains the run's alone. Where a recipe decides, 2 on small sets."""
    attention: str = ""
    """Attention of your own in the place of the network's: FILE.py:NAME, of a class or function
    that makes a torch module; the run keeps the file."""
    features: Path | None = None
    """Feature store; made in a cache beside the run if left out."""
    vocab: VocabConfig = field(default_factory=VocabConfig)
    """Settings of the vocabularies and the validation split."""
    extract: ExtractConfig = field(default_factory=ExtractConfig)
    """Settings of the features, where they are made on the way."""
    train: TrainConfig = field(default_factory=TrainConfig)
    """Settings of the training."""

    def __post_init__(self) -> None:
        check(self, "seeds")

    def tables(self) -> dict[str, Any]:
        """Return the settings as TOML tables, the network's name included."""
        tables = {
            f.name: to_mapping(value) if dataclasses.is_dataclass(value) else value
            for f in dataclasses.fields(self)
            if (value := getattr(self, f.name)) is not None
        }
        if self.features is not None:
            tables["features"] = str(self.features)
        if not self.attention:
            del tables["attention"]
        return {"network": model_name(self.model), **tables}


_SECTIONS: dict[str, type[Any]] = {
    "vocab": VocabConfig,
    "extract": ExtractConfig,
    "train": TrainConfig,
}
_NUMBERS = ("seeds",)
_TEXTS: dict[str, Callable[[str], Any]] = {
    "data": str,
    "attention": str,
    "features": Path,
    "recipe": str,
}


def config_from(
    tables: Mapping[str, Any], network: str, *, where: str, base: Config[Any] | None = None
) -> Config[Any]:
    """Make the settings in TOML tables, for a network.

    Args:
        tables: as a TOML file has them.
        network: its name.
        where: the file, for messages.
        base: has what the tables leave out; by default each setting's own default.

    Raises:
        ConfigError: a key is unknown (names the nearest), a value is wrong, or the tables are for
            another network.
    """
    _check_network(str(tables.get("network", network)), network, where=where)
    base = Config(model=network_named(network).config_type()()) if base is None else base
    values = {
        key: _setting(key, value, base, where=where)
        for key, value in tables.items()
        if key != "network"
    }
    return dataclasses.replace(base, **values)


def _setting(key: str, value: Any, base: Config[Any], *, where: str) -> Any:
    """Make one table's settings, or one setting that stands above all tables."""
    sections = {"model": type(base.model), **_SECTIONS}
    if key in sections:
        if not isinstance(value, Mapping):
            raise ConfigError(f"'{key}' must be a table", where=where, remedy=f"Write [{key}].")
        given = {name.replace("-", "_"): setting for name, setting in value.items()}
        under = to_mapping(getattr(base, key))
        return from_mapping(sections[key], {**under, **given}, where=f"{where} [{key}]")
    if key in _NUMBERS:
        return value  # `Config` holds it to its type
    if key not in _TEXTS:
        known = [*sections, *_TEXTS, *_NUMBERS, "network"]
        raise ConfigError(f"unknown setting '{key}'", where=where, remedy=did_you_mean(key, known))
    if not isinstance(value, str):
        raise ConfigError(f"'{key}' must be a text", where=where, remedy=f'{key} = "…"')
    if key == "recipe" and value not in get_args(RecipeName):
        remedy = did_you_mean(value, get_args(RecipeName))
        raise ConfigError(f"unknown recipe '{value}'", where=where, remedy=remedy)
    return _TEXTS[key](value)


def _check_network(given: str, network: str, *, where: str) -> None:
    network_named(given, where=where)
    if given != network:
        raise ConfigError(
            f"is for the network '{given}'", where=where, remedy=f"Train {given}, not {network}."
        )


def presets() -> dict[str, Path]:
    """List the presets that come with the package: name → file."""
    folder = Path(str(resources.files("askattend.presets")))
    return {file.stem: file for file in sorted(folder.glob("*.toml"))}


def preset_for(preset: str, model: NetworkConfig) -> str | None:
    """Find the preset for a network's question encoder, where `preset` is its sibling for another.

    What trains one encoder well, such as its learning rate, stands beside it in its own preset.
    """
    wanted = {key: getattr(model, key, None) for key in ("variant", "encoder")}
    tables = {name: read_toml(file).get("model", {}) for name, file in presets().items()}
    made_for = {name: {key: table.get(key) for key in wanted} for name, table in tables.items()}
    chosen = made_for.get(preset)
    if chosen is None or chosen["encoder"] is None or chosen == wanted:
        return None
    return next((name for name, both in made_for.items() if both == wanted), None)


def read_preset(preset: str, network: str, *, base: Config[Any] | None = None) -> Config[Any]:
    """Read the settings of a preset, by its name or as a TOML file.

    A run's config.toml is one too; the version of the run's layout, in it, says nothing here.

    Args:
        preset: its name, or a path that ends in ``.toml``.
        network: the network's name.
        base: what the preset goes on top of, such as the settings that its recipe has chosen, and
            whose recipe stays; by default each setting's own default.

    Raises:
        ConfigError: there is no such preset, or it is malformed.
    """
    file = Path(preset) if preset.endswith(".toml") else presets().get(preset)
    if file is None:
        raise ConfigError(f"unknown preset '{preset}'", remedy=did_you_mean(preset, presets()))
    tables = dict(expanded(read_toml(file)))
    tables.pop("layout", None)
    config = config_from(tables, network, where=str(file), base=base)
    return config if base is None else dataclasses.replace(config, recipe=base.recipe)
