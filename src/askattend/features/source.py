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


@runtime_checkable
class FeatureTable(Protocol):
    """Source that holds the features of all its images as one tensor."""

    @property
    def table(self) -> Tensor | None:
        """All features; None where they are not held as they are read."""
        ...

    def rows_of(self, image_ids: Sequence[str]) -> Tensor:
        """Return the rows of the table that are some images' features."""
        ...
