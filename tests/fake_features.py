"""Features of images that are not there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True)
class FakeFeatures:
    """A source of features that follow from an image's id.

    Attributes:
        features_of: image id → regions × region_dim.
    """

    features_of: Callable[[str], Tensor]

    def read(self, image_ids: Sequence[str]) -> Tensor:
        return torch.stack([self.features_of(image) for image in image_ids])


def random_features(
    regions: int, region_dim: int, dtype: torch.dtype = torch.float32
) -> FakeFeatures:
    """Features between 0 and 1, drawn by the image's id."""

    def features_of(image: str) -> Tensor:
        generator = np.random.default_rng(list(image.encode()))
        return torch.from_numpy(generator.random((regions, region_dim))).to(dtype)

    return FakeFeatures(features_of)
