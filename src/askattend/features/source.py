"""The one thing that batches and floors ask of features: to be read by image id."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from torch import Tensor


@runtime_checkable
class FeatureSource(Protocol):
    """Source of the features of images: a feature store, or anything that reads like one."""

    def read(self, image_ids: Sequence[str]) -> Tensor:
        """Return the features of some images: images × regions × region_dim."""
        ...
