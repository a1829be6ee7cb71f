"""Images as linear floors see them, beside NumPy's own singular values."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from askattend.metrics.image_projection import IMAGE_DIM, IMAGE_NORM, ImageProjection

Float32 = np.ndarray[Any, np.dtype[np.float32]]


def some_features(images: int, dim: int) -> Float32:
    """Features whose scale falls from 1 to 1/1000 and whose first number never changes."""
    features = np.random.default_rng(0).normal(size=(images, dim)) * np.geomspace(1, 1e-3, dim)
    features[:, 0] = 7
    return features.astype(np.float32)


@pytest.mark.parametrize(("images", "dim"), [(90, 60), (90, 20), (12, 60)])
def test_components_are_the_first_of_numpys(images: int, dim: int) -> None:
    features = some_features(images, dim)
    found = ImageProjection.fit(features)
    standard = (features - features.mean(0))[:, 1:] / features.std(0)[1:]
    _, values, axes = np.linalg.svd(standard, full_matrices=False)
    count = min(IMAGE_DIM, images, dim)
    assert found.matrix.shape == (dim, count)
    assert {str(found.matrix.dtype), str(found.mean.dtype)} == {"float32"}
    projected = found(features)
    assert projected.dtype == np.float32
    expected = (
        standard @ axes[:count].T * IMAGE_NORM / np.sqrt((values[:count] ** 2).sum() / images)
    )
    # Which way a component points, and how two of nearly equal weight are turned, does not tell.
    assert np.allclose(projected @ projected.T, expected @ expected.T, atol=0.1)
    assert np.sqrt((projected**2).sum(axis=1).mean()) == pytest.approx(IMAGE_NORM, rel=1e-4)


def test_the_same_features_give_the_same_bytes() -> None:
    first, second = (ImageProjection.fit(some_features(90, 60)) for _ in range(2))
    assert np.array_equal(first.matrix, second.matrix)


def test_images_that_are_all_alike_tell_nothing() -> None:
    found = ImageProjection.fit(np.ones((5, 3), dtype=np.float32))
    assert not found(np.ones((5, 3), dtype=np.float32)).any()
    assert np.isfinite(found.matrix).all()
    # Just above what counts as never changing, a number is scaled like any other.
    features = np.ones((4, 1), dtype=np.float32)
    features[0] += 1e-5
    assert np.abs(ImageProjection.fit(features)(features)).max() > 1
