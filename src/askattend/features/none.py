"""Features for a network that does not use the image: one zero a picture, and nothing read."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from askattend.features.spec import NONE, Backbone, FeatureSpec

# Pictures become squares of one pixel, so that they cost next to nothing where one is shown.
NO_FEATURES = FeatureSpec(
    backbone=NONE,
    fingerprint="0" * 16,
    image_size=1,
    mean=(0.0, 0.0, 0.0),
    std=(1.0, 1.0, 1.0),
    rows=1,
    columns=1,
    region_dim=1,
    dtype="float32",
)


class NoFeatures:
    """A source that has a zero for every image, whether there is such an image or not.

    Attributes:
        spec: `NO_FEATURES`.
    """

    spec = NO_FEATURES

    def __contains__(self, image_id: object) -> bool:
        return True

    def read(self, image_ids: Sequence[str]) -> Float[Tensor, "images 1 1"]:
        """Make one region of width 1 for each image."""
        return torch.zeros(len(image_ids), 1, 1)


def no_backbone() -> Backbone:
    """Make the backbone of `NO_FEATURES`, which has no weights."""
    return Backbone(spec=NO_FEATURES, network=_Zeros())


class _Zeros(nn.Module):
    def forward(self, pixels: Float[Tensor, "images 3 1 1"]) -> Float[Tensor, "images 1 1"]:
        return pixels.new_zeros(len(pixels), 1, 1)
