"""Features of a search: those of what it starts from, and finer ones where they are cheap."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console

from askattend.data.splits import Splits
from askattend.environment.console import print_line
from askattend.errors import FeatureError
from askattend.experiment.config import Config
from askattend.experiment.features import features_for
from askattend.experiment.preparing import images_of
from askattend.experiment.search.budget import Budget
from askattend.experiment.search.space import FINER
from askattend.features.extraction import ExtractConfig
from askattend.features.none import NoFeatures

CHEAP = 0.15  # share of what is left of the budget
FIRST_IMAGES = 16


def stores_for(
    recipes: Sequence[Config[Any]],
    splits: Sequence[Splits],
    beside: Path,
    budget: Budget,
    console: Console,
) -> dict[ExtractConfig, Path]:
    """Extract what candidates need of all images: the features of recipes, and cheap finer ones.

    Returns:
        settings of an extraction → its store; a store that a recipe names itself is none of them.
    """
    stores: dict[ExtractConfig, Path] = {}
    for recipe in recipes:
        images = {k: file for part in splits for k, file in images_of(recipe, part).items()}
        if recipe.extract not in stores:
            store = features_for(recipe, images, beside, console=console)
            if isinstance(store, NoFeatures) or recipe.features is not None:
                continue
            stores[recipe.extract] = store.path
        finer = replace(recipe, extract=replace(recipe.extract, strides=FINER))
        if recipe.extract.strides == "last" and finer.extract not in stores:
            path = _finer_if_cheap(finer, images, beside, budget, console)
            stores |= {} if path is None else {finer.extract: path}
    return stores


def _finer_if_cheap(
    config: Config[Any],
    images: Mapping[str, Path],
    beside: Path,
    budget: Budget,
    console: Console,
) -> Path | None:
    """Extract more and more images as long as that seems cheap; None where it does not.

    What was extracted stays in the cache, so that another search finds it.
    """
    quiet = Console(quiet=True, file=io.StringIO())
    allowed, names, done, size = CHEAP * budget.left, list(images), 0, FIRST_IMAGES
    while True:
        started, chunk = budget.spent, names[done : done + size]
        try:
            part = {name: images[name] for name in chunk}
            store = features_for(config, part, beside, console=quiet)
        except FeatureError:  # a backbone with one map alone
            return None
        seconds, done, size = budget.spent - started, done + len(chunk), size * 2
        if done >= len(names):
            print_line(console, f"finer features (--extract.strides {FINER}) are tried, too")
            return None if isinstance(store, NoFeatures) else store.path
        allowed -= seconds
        if seconds / len(chunk) * (len(names) - done) > allowed:
            print_line(console, "note: finer features are left out: they would take too much time")
            return None
