"""Likeness of pictures to those of training, held to a covariance written out."""

from __future__ import annotations

import numpy as np
import pytest

from askattend.metrics.image_likeness import (
    FEWEST_HELD_BACK,
    FEWEST_LEARNT,
    Float32,
    ImageLikeness,
)

DIM = 24


def draw(count: int, seed: int, *, dim: int = DIM, off: float = 0.0) -> Float32:
    """Mean features that vary in three directions for the most part."""
    rng, axes = np.random.default_rng(seed), np.random.default_rng(99).normal(size=(3, dim))
    features = rng.normal(size=(count, 3)) @ axes * 4 + rng.normal(size=(count, dim)) * 0.3
    return (features + 7 + off).astype(np.float32)


def fitted(learnt: Float32, held_back: Float32) -> ImageLikeness:
    likeness = ImageLikeness.fit(learnt, held_back)
    assert likeness is not None
    return likeness


def test_the_distance_is_mahalanobis() -> None:
    count = 200
    learnt, other = draw(count, 0), draw(9, 1, off=0.5)
    likeness = fitted(learnt, draw(50, 2))
    standard = (learnt - learnt.mean(axis=0)) / learnt.std(axis=0)
    values, vectors = np.linalg.eigh(standard.T @ standard / count)
    components = likeness.matrix.shape[1]
    assert components == 20  # of so few pictures no more can be known
    values[: DIM - components] = values[: DIM - components].mean()
    inverse = vectors @ np.diag(1 / values) @ vectors.T
    centred = (other - learnt.mean(axis=0)) / learnt.std(axis=0)
    expected = np.sqrt(np.einsum("nd,de,ne->n", centred, inverse, centred))
    assert likeness.distance(other) == pytest.approx(expected, rel=2e-2)


@pytest.mark.parametrize(("held_back", "most"), [(25, 0.08), (400, 0.02)])
def test_few_new_pictures_of_the_kind_are_flagged(held_back: int, most: float) -> None:
    shares = [
        fitted(draw(300, 3 * seed), draw(held_back, 3 * seed + 1)).is_unlike(
            draw(2_000, 3 * seed + 2)
        )
        for seed in range(8)
    ]
    # Chance is 1/(n + 1) at most, or a hundredth, over all draws.
    assert 0 < np.mean(shares) < most


def test_pictures_of_another_kind_are_flagged() -> None:
    likeness = fitted(draw(300, 0), draw(100, 1))
    noise = np.random.default_rng(5).normal(size=(50, DIM)).astype(np.float32)
    broken = np.full((1, DIM), np.nan, np.float32)
    for other in (draw(50, 2, off=3.0), noise, noise * 30, broken, np.zeros((1, DIM), np.float32)):
        assert likeness.is_unlike(other).all()


def test_features_that_never_change_do_no_harm() -> None:
    dead = np.zeros((300, 4), np.float32)
    learnt, held_back = draw(300, 0), draw(100, 1)
    likeness = fitted(np.hstack([learnt, dead]), np.hstack([held_back, dead[:100]]))
    assert not likeness.is_unlike(np.hstack([draw(50, 2), dead[:50]])).mean() > 0.1
    assert likeness.is_unlike(np.hstack([draw(50, 2), dead[:50] + 1])).all()
    same = np.ones((FEWEST_LEARNT, DIM), np.float32)
    assert not fitted(same, same[:FEWEST_HELD_BACK]).is_unlike(same).any()


def test_of_few_pictures_nothing_is_told() -> None:
    assert ImageLikeness.fit(draw(FEWEST_LEARNT - 1, 0), draw(100, 1)) is None
    assert ImageLikeness.fit(draw(100, 0), draw(FEWEST_HELD_BACK - 1, 1)) is None
