"""The share of a split's pictures that count as foreign."""

from __future__ import annotations

import numpy as np
import pytest

from askattend.evaluation.figures import unlike_pictures
from askattend.metrics.image_likeness import ImageLikeness
from evaluation.evaluations import CONTEXT, evaluated, question
from small_networks import DIM
from small_questions import make_qaset

QUESTIONS = make_qaset(*(question(n // 2) for n in range(20)))


def likeness(threshold: float) -> ImageLikeness:
    ones = np.ones(DIM, np.float32)
    return ImageLikeness(0 * ones, np.zeros((DIM, 1), np.float32), ones, 1.0, threshold)


def test_each_picture_counts_once() -> None:
    found = evaluated(QUESTIONS, ["yes"] * 20)
    assert unlike_pictures.measure(found) is None
    ids = [f"{n}.png" for n in range(10)]
    means = found.batches.source.read(ids).float().mean(dim=1).numpy()
    distances = np.sort(np.linalg.norm(means, axis=1))
    found.predictor.likeness = likeness(float(distances[6:8].mean()))
    value = unlike_pictures.measure(found)
    assert value is not None
    assert value.images == 10
    assert value.share == pytest.approx(0.3)
    assert value.interval[0] < 0.3 < value.interval[1]
    (line,) = unlike_pictures.terminal_lines(value)
    assert (line.value, "of 10" in line.note) == (value.share, True)
    assert "Of 10 pictures" in str(unlike_pictures.page_section(value, CONTEXT))
    found.predictor.likeness = likeness(1e9)
    value = unlike_pictures.measure(found)
    assert value is not None
    assert value.share == 0 < value.interval[1]
