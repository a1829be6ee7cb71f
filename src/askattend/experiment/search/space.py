"""Settings to try: a recipe, and what differs from it in a few of them."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from askattend.experiment.config import Config
from askattend.experiment.features import uses_image
from askattend.features.spec import Strides

# Scaled together, so that a network keeps its proportions.
WIDTHS = (
    *("question_dim", "attention_dim", "hidden_dim"),
    *("unigram_filters", "bigram_filters", "trigram_filters"),
)
FINER: Strides = "16+32"
_FACTORS = (0.5, 2.0)
_VALUES: Mapping[tuple[str, str], Sequence[Any]] = {
    ("model", "dropout"): (0.0, 0.3, 0.5, 0.7),
    ("model", "word_logits"): ("none", "words", "pairs"),
    ("train", "label_smoothing"): (0.0, 0.1, 0.2),
    ("train", "region_dropout"): (0.0, 0.2),
    ("train", "word_dropout"): (0.0, 0.1),
}
_SCALED: Mapping[tuple[str, str], Sequence[float]] = {
    ("train", "learning_rate"): (0.25, 0.5, 2.0),
    ("train", "epochs"): _FACTORS,
    ("train", "batch_size"): _FACTORS,
}
# Of the settings that may differ, the share that do.
_DIFFERENT = 0.4

# (section, setting) → value.
Change = Mapping[tuple[str, str], Any]


def vary(config: Config[Any], *, seed: str, finer: bool = False) -> Config[Any]:
    """Draw settings that differ from others in some of what is searched.

    Args:
        config: the others.
        seed: the same one draws the same settings.
        finer: also features of two strides, joined on the finer grid.
    """
    random_numbers = random.Random(seed)
    for alternatives in _alternatives(config, finer=finer):
        if random_numbers.random() < _DIFFERENT:
            config = _changed(config, random_numbers.choice(alternatives))
    return config


def differences(config: Config[Any], start: Config[Any]) -> str:
    """List what differs between settings and those they were drawn from, widths as one."""
    changes = []
    width = next((name for name in WIDTHS if hasattr(config.model, name)), None)
    for section, name in searched(config):
        now, then = setting(config, section, name), setting(start, section, name)
        if now != then and (name not in WIDTHS or name == width):
            changes.append(f"{name} {now:g}" if isinstance(now, float) else f"{name} {now}")
    return ", ".join(changes)


def searched(config: Config[Any]) -> Iterator[tuple[str, str]]:
    """Yield the settings that a search may vary, as far as the network has them."""
    names = [("model", name) for name in WIDTHS] + [
        *_values(config),
        *_SCALED,
        ("extract", "strides"),
    ]
    return ((section, name) for section, name in names if hasattr(getattr(config, section), name))


def setting(config: Config[Any], section: str, name: str) -> Any:
    """Return one setting; None where the network has none of that name."""
    return getattr(getattr(config, section), name, None)


def _alternatives(config: Config[Any], *, finer: bool) -> Iterator[list[Change]]:
    """Yield, for each thing to vary, the changes that there are to choose from."""
    widths = [("model", n) for n in WIDTHS if setting(config, "model", n) is not None]
    if widths:
        yield [{at: _scale(config, at, by) for at in widths} for by in _FACTORS]
    for at, values in _values(config).items():
        now = setting(config, *at)
        if now is not None:
            yield [{at: value} for value in values if value != now]
    for at, factors in _SCALED.items():
        yield [{at: _scale(config, at, by)} for by in factors]
    if finer:
        yield [{("extract", "strides"): FINER}]


def _values(config: Config[Any]) -> Mapping[tuple[str, str], Sequence[Any]]:
    """Return what is chosen from a list, regions only for a network that sees them."""
    sees = uses_image(config.model)
    return {at: values for at, values in _VALUES.items() if sees or at[1] != "region_dropout"}


def _scale(config: Config[Any], at: tuple[str, str], factor: float) -> Any:
    value = setting(config, *at)
    return max(round(value * factor), 1) if isinstance(value, int) else value * factor


def _changed(config: Config[Any], change: Change) -> Config[Any]:
    for (section, name), value in change.items():
        part = getattr(config, section)
        if name in {field.name for field in dataclasses.fields(part)}:
            config = replace(config, **{section: replace(part, **{name: value})})
    return config
