"""Likeness of a picture to those that a network learnt from: how far its mean feature lies off."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

Float32 = np.ndarray[Any, np.dtype[np.float32]]

# Fewer pictures than these tell too little of what is usual.
FEWEST_LEARNT, FEWEST_HELD_BACK = 50, 20
# Principal components, beside which all the rest counts as one more, of equal spread in each
# direction. A component takes some ten pictures to be known.
MOST_COMPONENTS, PICTURES_EACH = 32, 10
# Share of pictures like those of validation that are flagged nevertheless.
FLAGGED = 0.01
_LEAST_SPREAD = 1e-3


@dataclass(frozen=True, eq=False)
class ImageLikeness:
    """Distribution of the training pictures' mean features, and the distance that is unusual.

    The distance is Mahalanobis' with a covariance of few components and the rest isotropic
    (probabilistic PCA, Tipping & Bishop 1999). Its threshold is a quantile over pictures that were
    held back: of new ones like these no more than `FLAGGED` lie farther off on average, or
    1/(n + 1) where there are fewer than 99 (split conformal prediction, Vovk et al. 2005).

    Attributes:
        mean: region_dim; as the next two, float32.
        matrix: region_dim × components: to numbers of spread 1.
        scale: region_dim: what each feature is divided by before the rest is taken.
        rest: spread of what the components leave, in scaled features, squared.
        threshold: the distance above which a picture is unlike.
    """

    mean: Float32
    matrix: Float32
    scale: Float32
    rest: float
    threshold: float

    @classmethod
    def fit(cls, learnt: Float32, held_back: Float32) -> ImageLikeness | None:
        """Fit it to mean features, pictures × region_dim; None where there are too few.

        Args:
            learnt: of pictures that were learnt from.
            held_back: of others like them, by which the threshold is chosen.
        """
        if len(learnt) < FEWEST_LEARNT or len(held_back) < FEWEST_HELD_BACK:
            return None
        from sklearn.utils.extmath import randomized_svd  # slow to import

        mean, spread = learnt.mean(axis=0), learnt.std(axis=0)
        scale = np.maximum(spread, _LEAST_SPREAD * (float(spread.max()) or 1.0))
        standard = (learnt - mean) / scale
        count = min(MOST_COMPONENTS, len(learnt) // PICTURES_EACH, learnt.shape[1] - 1)
        _, values, axes = randomized_svd(standard, n_components=max(count, 1), random_state=0)
        variances = values**2 / len(learnt)
        total = float((standard**2).sum() / len(learnt))
        rest = max(total - float(variances.sum()), 1e-6) / max(learnt.shape[1] - len(variances), 1)
        matrix = axes.T / np.sqrt(np.maximum(variances, 1e-6))
        arrays = _float32(mean), _float32(matrix), _float32(scale)
        unbounded = cls(*arrays, rest=rest, threshold=math.inf)
        return cls(*arrays, rest=rest, threshold=_quantile(unbounded.distance(held_back)))

    def distance(self, features: Float32) -> Float32:
        """Return how far mean features lie off: pictures × region_dim → pictures."""
        standard = (features.astype(np.float32) - self.mean) / self.scale
        inside = standard @ self.matrix
        # The matrix divides by the spreads; undone, its columns are orthonormal.
        lengths = 1 / np.maximum((self.matrix**2).sum(axis=0), 1e-12)
        left = (standard**2).sum(axis=1) - (inside**2 * lengths).sum(axis=1)
        return np.sqrt((inside**2).sum(axis=1) + np.maximum(left, 0) / self.rest)  # type: ignore[no-any-return]

    def is_unlike(self, features: Float32) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Tell which pictures are unlike those that were learnt from."""
        # What is no number is compared with nothing, and is like nothing.
        return ~(self.distance(features) <= self.threshold)


def _quantile(distances: Float32) -> float:
    """Return the distance that all but the `FLAGGED` share lie within, or all of few."""
    ordered = np.sort(distances)
    return float(ordered[min(math.ceil((len(ordered) + 1) * (1 - FLAGGED)), len(ordered)) - 1])


def _float32(array: Float32) -> Float32:
    return np.ascontiguousarray(array, dtype=np.float32)
