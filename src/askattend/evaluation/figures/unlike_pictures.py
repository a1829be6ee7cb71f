"""Pictures unlike those of training: the share of the split's own that are taken for such."""

from __future__ import annotations

import random

import msgspec
import numpy as np

from askattend.evaluation.evaluate import Evaluated
from askattend.evaluation.section import Note, PageContext, Section, TerminalLine
from askattend.metrics.linear_floor import mean_features
from askattend.metrics.shares import share_interval

MOST = 1_000


class UnlikePictures(msgspec.Struct, frozen=True):
    """Pictures of the split, and those of them that count as foreign.

    Attributes:
        images: how many were looked at, drawn by a fixed seed where there are more.
        share: of these, unlike those of training.
        interval: of that, 95 %, see `metrics.shares`.
    """

    images: int
    share: float
    interval: tuple[float, float]


def measure(evaluated: Evaluated) -> UnlikePictures | None:
    """Count them; None where the run does not tell pictures apart."""
    likeness = evaluated.predictor.likeness
    if likeness is None:
        return None
    images = sorted({question.image for question in evaluated.questions})
    images = images if len(images) <= MOST else sorted(random.Random(0).sample(images, MOST))
    width = evaluated.predictor.run.features.region_dim
    found = mean_features(images, evaluated.batches.source)
    unlike = np.concatenate([likeness.is_unlike(means[:, :width]) for _, means in found])
    shares = unlike.astype(np.float64)
    return UnlikePictures(len(images), float(shares.mean()), share_interval(shares, images))


def terminal_lines(value: UnlikePictures) -> list[TerminalLine]:
    """Say how many there are."""
    low, high = value.interval
    note = (
        f"  [{low:.2%}, {high:.2%}] (95 %), of {value.images:,}: what is said of them is never sure"
    )
    return [TerminalLine("pictures unlike those of training", value.share, note)]


def page_section(value: UnlikePictures, context: PageContext) -> Section:
    """Say it in a sentence."""
    low, high = value.interval
    return Section(
        "How sure it is",
        (
            Note(
                f"Of {value.images:,} pictures of this split {value.share:.1%} (95 %: {low:.1%} to "
                f"{high:.1%}) are unlike those of training, and what `ask` says of them is never "
                "sure. Of pictures like those of validation it is 1 % or fewer."
            ),
        ),
    )
