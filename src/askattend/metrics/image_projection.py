"""Images as linear floors see them: principal components of its mean feature."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

Float32 = np.ndarray[Any, np.dtype[np.float32]]

# Numbers that a picture is reduced to, and the root mean square of their norm. A word that is there
# counts 1, so a picture weighs as much as four words and word pairs.
IMAGE_DIM, IMAGE_NORM = 32, 2.0


@dataclass(frozen=True, eq=False)
class ImageProjection:
    """Principal components of the images' mean features.

    Attributes:
        mean: of the training images' mean features, region_dim.
        matrix: region_dim × components; features are standardised by it, too.
    """

    mean: Float32
    matrix: Float32

    @classmethod
    def fit(cls, features: Float32) -> ImageProjection:
        """Find the components of mean features, images × region_dim."""
        from sklearn.utils.extmath import randomized_svd  # slow to import

        mean: Float32 = features.mean(axis=0)
        spread: Float32 = features.std(axis=0).astype(np.float32)
        spread[spread < 1e-6] = 1  # what never changes tells nothing
        standard = (features - mean) / spread
        count = min(IMAGE_DIM, *features.shape)
        _, values, axes = randomized_svd(standard, n_components=count, random_state=0)
        norm = float(np.sqrt((values**2).sum() / len(features))) or 1.0
        matrix = axes.T / spread[:, None] * (IMAGE_NORM / norm)
        return cls(mean, np.ascontiguousarray(matrix, dtype=np.float32))

    def __call__(self, features: Float32) -> Float32:
        """Project mean features, images × region_dim, onto the components."""
        return np.asarray((features - self.mean) @ self.matrix, dtype=np.float32)
