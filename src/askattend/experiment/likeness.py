"""Learning what the pictures of a training are like, before its first epoch."""

from __future__ import annotations

import random
from collections.abc import Collection
from typing import Any

import numpy as np

from askattend.data.splits import Splits
from askattend.experiment.config import Config
from askattend.experiment.features import uses_image
from askattend.features.source import FeatureSource
from askattend.metrics.image_likeness import Float32, ImageLikeness
from askattend.metrics.linear_floor import mean_features
from askattend.runs.image_likeness import LIKENESS, save_likeness
from askattend.runs.run_folder import Run

# Pictures that it is learnt from, and those by which the threshold is chosen: a few thousand tell
# the mean and some components as well as all do.
MOST_LEARNT, MOST_HELD_BACK = 2_000, 1_000


def prepare_likeness(
    run: Run, config: Config[Any], splits: Splits, features: FeatureSource
) -> None:
    """Save in a run what tells foreign pictures, where enough are held back to choose a threshold.

    A network that sees no image has none; a run that is resumed keeps its own.
    """
    learnt, held_back = splits.train.images.keys(), splits.valid.images.keys()
    if not uses_image(config.model) or learnt & held_back or (run.folder / LIKENESS).exists():
        return
    width = run.features.region_dim
    likeness = ImageLikeness.fit(
        _means(learnt, MOST_LEARNT, features)[:, :width],
        _means(held_back, MOST_HELD_BACK, features)[:, :width],
    )
    if likeness is not None:
        save_likeness(run.folder, likeness)


def _means(images: Collection[str], most: int, features: FeatureSource) -> Float32:
    some = sorted(images)
    if len(some) > most:
        some = sorted(random.Random(0).sample(some, most))
    return np.concatenate([means for _, means in mean_features(some, features)])
