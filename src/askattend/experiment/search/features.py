"""Features of a search: those of what it starts from, and finer ones where they are cheap."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console

from askattend.data.splits import Splits
from askattend.errors import FeatureError
from askattend.experiment.config import Config
from askattend.experiment.features import features_for, uses_image
from askattend.experiment.search.budget import Budget
from askattend.experiment.search.space import FINER
from askattend.experiment.train import images_of

CHEAP = 0.15  # share of what is left of the budget
FIRST_IMAGES = 16


def extract_for(
    config: Config[Any], splits: Sequence[Splits], beside: Path, console: Console
) -> Mapping[str, Path]:
    """Extract all images that settings need for any of the splits; returns those images."""
    images = {k: file for part in splits for k, file in images_of(config, part).items()}
    features_for(config, images, beside, console=console)
    return images


def finer_if_cheap(
    config: Config[Any],
    images: Mapping[str, Path],
    beside: Path,
    budget: Budget,
    console: Console,
) -> bool:
    """Extract features of two strides as long as that seems cheap; True where all are there.

    What was extracted stays in the cache, so that another search finds it.
    """
    if config.features is not None or not uses_image(config.model):
        return False
    if config.extract.strides != "last":
        return False
    config = replace(config, extract=replace(config.extract, strides=FINER))
    allowed, names, done, size = CHEAP * budget.left, list(images), 0, FIRST_IMAGES
    while done < len(names):
        started, chunk = time.monotonic(), names[done : done + size]
        try:
            part = {name: images[name] for name in chunk}
            features_for(config, part, beside, console=console)
        except FeatureError:  # a backbone with one map alone
            return False
        seconds, done, size = time.monotonic() - started, done + len(chunk), size * 2
        allowed -= seconds
        if seconds / len(chunk) * (len(names) - done) > allowed:
            return False
    return True
